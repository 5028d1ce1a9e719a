"""Every key of the configuration files that AMP reads: where it stands, its default, what it means.

The one list: the reader warns of keys that are near to one of these, `amp init` writes its commented files from it, and
a test compares it with docs/reference/configuration.md. It reads nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

BROOKLYN = "etc/brooklyn.cfg"
LAUNCHER = "etc/org.apache.brooklyn.osgilauncher.cfg"
WEB = "etc/org.ops4j.pax.web.cfg"


@dataclass(frozen=True, slots=True)
class Option:
    """One key. `<NAME>` and `<USER>` in a key stand for what the operator chooses. `example`: a value worth showing."""

    key: str
    file: str
    default: str
    meaning: str
    example: str = ""


OPTIONS: tuple[Option, ...] = (
    Option(
        "highAvailabilityMode",
        LAUNCHER,
        "AUTO",
        "What this node wants to be: AUTO, MASTER, STANDBY, HOT_STANDBY, HOT_BACKUP or DISABLED.",
        "AUTO",
    ),
    Option(
        "persistMode",
        LAUNCHER,
        "AUTO",
        "What to do with state that is there: AUTO (load it, or start fresh), REBIND (fail without it), "
        "CLEAN (remove it) or DISABLED (persist nothing).",
        "AUTO",
    ),
    Option(
        "persistenceLocation",
        LAUNCHER,
        "",
        "The object store to share: the name of a brooklyn.location.named.<NAME>, or a specification such as "
        "aws-s3:eu-west-1. Empty: persistenceDir is a directory.",
        "aws-s3-eu-west-1",
    ),
    Option(
        "persistenceDir",
        LAUNCHER,
        "data/brooklyn-persisted-state",
        "With persistenceLocation the bucket, or bucket/prefix; else the directory, relative to the home.",
        "my-s3-bucket-name",
    ),
    Option("persistPeriod", LAUNCHER, "1s", "How long observations may wait before they are written.", "1s"),
    Option(
        "ignorePersistenceErrors",
        LAUNCHER,
        "false",
        "true: a node whose mode or store cannot be had at start stays up as FAILED, until an operator gives it a mode "
        "(amp ha promote or demote); false: it exits.",
        "false",
    ),
    Option(
        "ignoreCatalogErrors",
        LAUNCHER,
        "true",
        "Accepted, so that files written for Apache Brooklyn can be kept; it has no effect.",
        "true",
    ),
    Option(
        "default.catalog.location",
        LAUNCHER,
        "",
        "Accepted, so that files written for Apache Brooklyn can be kept; it has no effect.",
        "${karaf.etc}/default.catalog.bom",
    ),
    Option(
        "globalBrooklynPropertiesFile",
        LAUNCHER,
        "~/.brooklyn/brooklyn.properties",
        "Properties of the user who runs AMP; read if it is there. Only its owner may have access to it.",
        "~/.brooklyn/brooklyn.properties",
    ),
    Option(
        "localBrooklynPropertiesFile",
        LAUNCHER,
        "",
        "More properties, which win over the global ones. Only its owner may have access to it.",
        "~/.brooklyn/local.properties",
    ),
    Option("org.osgi.service.http.port", WEB, "8081", "The port of REST and console.", "8081"),
    Option(
        "org.ops4j.pax.web.listening.addresses",
        WEB,
        "0.0.0.0",  # noqa: S104  # Brooklyn's default, and a standby must be reachable
        "The one address to listen on; 0.0.0.0 listens on all.",
        "127.0.0.1",
    ),
    Option(
        "org.osgi.service.http.enabled",
        WEB,
        "true",
        "Must be true: a node without HTTP cannot be operated.",
        "true",
    ),
    Option(
        "org.osgi.service.http.secure.enabled",
        WEB,
        "false",
        "Must be false: AMP does not speak TLS itself; put a proxy that does in front of it.",
        "false",
    ),
    Option(
        "brooklyn.ha.heartbeatTimeout",
        BROOKLYN,
        "30s",
        "Silence after which a master is given up. At least 2s and two poll periods; the same on all nodes.",
        "30s",
    ),
    Option(
        "brooklyn.ha.timeoutForInactiveNodeRemovalOnStartup",
        BROOKLYN,
        "0",
        "At a start, records of nodes not heard of for this long are removed. 0: none.",
        "30d",
    ),
    Option("brooklyn.ha.pollPeriod", BROOKLYN, "1s", "How often a node looks for news in the store.", "1s"),
    Option(
        "brooklyn.experimental.feature.defaultStandbyIsHot",
        BROOKLYN,
        "true",
        "Whether a node in mode AUTO stands by hot (state loaded, serves reads) or warm.",
        "true",
    ),
    Option(
        "amp.node.uri",
        BROOKLYN,
        "",
        "The address that this node publishes to people and other nodes. Default: http:// with the listening address, "
        "else the address of the default route, else 127.0.0.1, and the port.",
        "http://amp-1.example.org:8081",
    ),
    Option(
        "amp.node.ca",
        BROOKLYN,
        "",
        "A file of certificates (PEM) that this node trusts when it calls others over https. Empty: the system's.",
        "/etc/ssl/our-ca.pem",
    ),
    Option(
        "amp.ha.forwardWrites",
        BROOKLYN,
        "false",
        "true: a node that does not lead passes writes on to the master; false: it answers 403.",
        "true",
    ),
    Option(
        "amp.plane.name",
        BROOKLYN,
        "",
        "The plane that this node may join; one of another name is refused. Empty: any.",
        "production",
    ),
    Option(
        "amp.plane.moved",
        BROOKLYN,
        "false",
        "true: this bucket and prefix is where the plane lives now, though it was founded in another; false: a store "
        "that was copied from another is refused, since two planes would manage the same machines.",
        "true",
    ),
    Option(
        "brooklyn.location.named.<NAME>",
        BROOKLYN,
        "",
        "A location: aws-s3:REGION, google-cloud-storage or azureblob for a store.",
        "aws-s3:eu-west-1",
    ),
    Option("brooklyn.location.named.<NAME>.identity", BROOKLYN, "", "The access key of that location."),
    Option("brooklyn.location.named.<NAME>.credential", BROOKLYN, "", "The secret key of that location."),
    Option(
        "brooklyn.location.named.<NAME>.endpoint",
        BROOKLYN,
        "",
        "The address of an S3-compatible server; http:// means plain HTTP and path style.",
        "http://127.0.0.1:9000",
    ),
    Option(
        "brooklyn.location.named.<NAME>.region",
        BROOKLYN,
        "",
        "The region, where the specification names none.",
        "eu-west-1",
    ),
    Option(
        "brooklyn.location.jclouds.<PROVIDER>.identity",
        BROOKLYN,
        "",
        "The access key of all locations of one provider that have none of their own; likewise .credential, .endpoint.",
    ),
    Option(
        "brooklyn.persistence.dir",
        BROOKLYN,
        "",
        "persistenceDir, where the launcher's file and the environment are silent.",
    ),
    Option(
        "brooklyn.persistence.dir.required",
        BROOKLYN,
        "false",
        "true: fail when the directory is not there, rather than make it.",
        "true",
    ),
    Option(
        "brooklyn.persistence.location.spec", BROOKLYN, "", "persistenceLocation, where the launcher's file is silent."
    ),
    Option(
        "brooklyn.webconsole.security.provider",
        BROOKLYN,
        "ExplicitUsersSecurityProvider",
        "Who may log in: ExplicitUsersSecurityProvider, AnyoneSecurityProvider (no authentication) or "
        "BlackholeSecurityProvider (nobody).",
        "org.apache.brooklyn.rest.security.provider.ExplicitUsersSecurityProvider",
    ),
    Option(
        "brooklyn.webconsole.security.users",
        BROOKLYN,
        "",
        "The users who may log in, with commas; * for every user that has a password below.",
        "admin",
    ),
    Option(
        "brooklyn.webconsole.security.user.<USER>.password",
        BROOKLYN,
        "",
        "A user's password in plain text; wins over .sha256, with a warning.",
    ),
    Option("brooklyn.webconsole.security.user.<USER>.salt", BROOKLYN, "", "The salt of .sha256."),
    Option(
        "brooklyn.webconsole.security.user.<USER>.sha256",
        BROOKLYN,
        "",
        "SHA-256 of salt and password, in lower-case hexadecimal; amp generate-password makes it.",
    ),
    Option(
        "brooklyn.webconsole.security.https.required",
        BROOKLYN,
        "false",
        "Must be false: AMP does not speak TLS itself; put a proxy that does in front of it.",
        "false",
    ),
    Option(
        "brooklyn.entitlements.global",
        BROOKLYN,
        "root",
        "What users may do: root, poweruser, user, blueprintAuthor, logViewer, readonly or minimal; or "
        "PerUserEntitlementManager, for levels by user.",
        "root",
    ),
    Option(
        "brooklyn.entitlements.perUser.default",
        BROOKLYN,
        "minimal",
        "With PerUserEntitlementManager, the level of users who have none of their own.",
        "minimal",
    ),
    Option("brooklyn.entitlements.perUser.<USER>", BROOKLYN, "", "With PerUserEntitlementManager, a user's level."),
    Option(
        "org.apache.brooklyn.server.maxSessionAge",
        BROOKLYN,
        "",
        "Seconds after which a login of the console ends; empty: never.",
        "86400",
    ),
    Option(
        "org.apache.brooklyn.server.maxInactiveInterval",
        BROOKLYN,
        "3600",
        "Seconds without a request after which a login of the console ends.",
        "3600",
    ),
)


def known_keys(file: str) -> list[str]:
    """Answer the keys of one file."""
    return [option.key for option in OPTIONS if option.file == file]


def default_of(key: str) -> str:
    """Answer the default of a key; empty where it has none."""
    return next(option.default for option in OPTIONS if option.key == key)
