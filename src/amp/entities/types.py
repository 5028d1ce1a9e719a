"""The kinds of entities and locations of this version, declared with Brooklyn's names, types and defaults.

Only values. A key that Brooklyn has and that would do nothing here is in `later`, so that blueprints which rely on it
are refused instead of half obeyed.
"""

from __future__ import annotations

from amp.model.registry import (
    BOOLEAN,
    DURATION,
    INTEGER,
    MAP,
    OBJECT,
    ON_INTERRUPT,
    ConfigKey,
    Effector,
    EntityType,
    LocationType,
    Parameter,
    Registry,
    Sensor,
)

_LIFECYCLE = "org.apache.brooklyn.core.entity.lifecycle.Lifecycle"
_STOP_MODE = "org.apache.brooklyn.entity.software.base.SoftwareProcess$StopSoftwareParameters$StopMode"
_STOP_MODES = ("ALWAYS", "IF_NOT_STOPPED", "NEVER")

_COMMON_CONFIG = (
    ConfigKey("defaultDisplayName", description="A name for the entity where the blueprint gives none"),
    ConfigKey("iconUrl", description="Where an icon for the entity is found", inherited=False),
    ConfigKey("camp.plan.id", description="The id that the blueprint gives to the entity", inherited=False),
)
_COMMON_SENSORS = (
    Sensor("application.id", description="The id of the application that the entity belongs to"),
    Sensor("entity.id", description="The id of the entity"),
    Sensor("catalog.id", description="The catalog item that the entity was made from"),
)
_STATE_SENSORS = (
    Sensor("service.isUp", BOOLEAN, "Whether the service is active and available"),
    Sensor("service.state", _LIFECYCLE, "How the service is: CREATED, STARTING, RUNNING, STOPPING, STOPPED, ON_FIRE"),
    Sensor("service.state.expected", f"{_LIFECYCLE}$Transition", "How the service is meant to be, and since when"),
    Sensor("service.notUp.indicators", MAP, "Why the service is not up; empty when it is"),
    Sensor("service.problems", MAP, "What is wrong with the service; empty when nothing is"),
)
_START = Effector(
    "start", "Start the entity and what belongs to it", (Parameter("locations", description="Where to start it"),)
)
_STARTABLE = (
    Effector("restart", "Stop the entity where it runs, and start it again"),
    _START,
    Effector("stop", "Stop the entity and what belongs to it"),
)
_QUORUMS = frozenset(("quorum.up", "quorum.running"))

BASIC_APPLICATION = EntityType(
    name="org.apache.brooklyn.entity.stock.BasicApplication",
    description="The root of what is deployed together; starts and stops its children side by side",
    config=_COMMON_CONFIG,
    sensors=(*_COMMON_SENSORS, *_STATE_SENSORS),
    effectors=_STARTABLE,
    aliases=("basic-application",),
    application=True,
    lifecycle=True,
    later=_QUORUMS | {"application.stop.shouldDestroy", "latch.start", "startLatch"},
)
BASIC_STARTABLE = EntityType(
    name="org.apache.brooklyn.entity.stock.BasicStartable",
    description="Starts and stops its children side by side",
    config=_COMMON_CONFIG,
    sensors=(*_COMMON_SENSORS, *_STATE_SENSORS),
    effectors=_STARTABLE,
    aliases=("basic-startable",),
    lifecycle=True,
    later=_QUORUMS | {"latch.start", "startLatch", "brooklyn.locationsFilter"},
)
BASIC_ENTITY = EntityType(
    name="org.apache.brooklyn.entity.stock.BasicEntity",
    description="An entity without behaviour of its own; holds config, sensors, tags and children",
    config=_COMMON_CONFIG,
    sensors=_COMMON_SENSORS,
    aliases=("basic-entity",),
)

_SOFTWARE_CONFIG = (
    ConfigKey("onbox.base.dir", description="The directory on the machine that install and run directories are below"),
    ConfigKey("install.version", default="0.0.0", description="The version of the software", flag="version"),
    ConfigKey("install.unique_label", description="Names the install directory; same label, same directory",
              flag="installLabel", inherited=False),
    ConfigKey("install.dir", description="Where the software is installed", flag="installDir", inherited=False),
    ConfigKey("run.dir", description="Where the process runs", flag="runDir", inherited=False),
    ConfigKey("skip.install", BOOLEAN, description="Do not install: the software is there", flag="skipInstall"),
    ConfigKey("shell.env", MAP, {}, "The environment of every command; maps and lists arrive as JSON", flag="env"),
    ConfigKey("start.timeout", DURATION, "2m", "How long to wait for the process after launch", flag="startTimeout"),
    ConfigKey("softwareProcess.serviceProcessIsRunningPollPeriod", DURATION, "5s",
              "How often to look whether the process runs"),
    ConfigKey("on-interrupt", ON_INTERRUPT, "fail", "What becomes of a command whose end cannot be known after a "
              "failover: fail, rerun or ask"),
    ConfigKey("sshMonitoring.enabled", BOOLEAN, True, "Whether to look at all; without, a start that succeeds counts"),
    *(
        ConfigKey(f"{when}.{phase}.command", description=f"Runs {word} {phase}", flag=f"{when}{phase.title()}Command",
                  inherited=False)
        for phase in ("install", "customize", "launch")
        for when, word in (("pre", "before"), ("post", "after"))
    ),
)  # fmt: skip
_COMMANDS = (
    ConfigKey("install.command", description="Installs the software, in the install directory, once per label"),
    ConfigKey("customize.command", description="Prepares this process, in the run directory, after install"),
    ConfigKey("launch.command", description="Starts the process in the background, in the run directory"),
    ConfigKey("checkRunning.command", description="Succeeds while the process runs; without it the pid file tells"),
    ConfigKey("stop.command", description="Ends the process; without it the process of the pid file is ended"),
)
_SOFTWARE_SENSORS = (
    Sensor("host.address", description="The address of the machine"),
    Sensor("host.name", description="The name of the machine"),
    Sensor("host.sshAddress", "org.apache.brooklyn.util.net.UserAndHostAndPort", "User, address and port of the ssh"),
    Sensor("host.subnet.address", description="The address of the machine in its own network"),
    Sensor("host.subnet.hostname", description="The name of the machine in its own network"),
    Sensor("install.dir", description="Where the software is installed"),
    Sensor("expandedinstall.dir", description="Where the software lies inside the install directory"),
    Sensor("run.dir", description="Where the process runs"),
    Sensor("softwareprocess.pid.file", description="The file that holds the process id"),
    Sensor("pid", INTEGER, "The process id, as the pid file has it"),
    Sensor("pid.started", INTEGER, "Clock ticks from the machine's boot to the start of that process"),
    Sensor("service.process.isRunning", BOOLEAN, "Whether the process was running when last looked at"),
    Sensor("softwareservice.provisioningLocation", "org.apache.brooklyn.api.location.MachineProvisioningLocation",
           "The location that gave the machine"),
)  # fmt: skip
_STOP_PARAMETERS = (
    Parameter("stopProcessMode", _STOP_MODE, "IF_NOT_STOPPED", "When to end the process", _STOP_MODES),
    Parameter("stopMachineMode", _STOP_MODE, "IF_NOT_STOPPED", "When to give the machine back", _STOP_MODES),
)
_RESTART_PARAMETERS = (
    Parameter("restartChildren", BOOLEAN, False, "Whether to restart the children too"),
    Parameter("restartMachine", OBJECT, "auto", "Whether to take a new machine: true, false or auto",
              ("true", "false", "auto")),
)  # fmt: skip

VANILLA = EntityType(
    name="org.apache.brooklyn.entity.software.base.VanillaSoftwareProcess",
    description="A process that is installed, launched, watched and stopped by commands of the blueprint",
    config=(*_COMMON_CONFIG, *_SOFTWARE_CONFIG, *_COMMANDS),
    sensors=(*_COMMON_SENSORS, *_STATE_SENSORS, *_SOFTWARE_SENSORS),
    effectors=(
        Effector("populateServiceNotUpDiagnostics", "Look at the process now, and say why it is not up"),
        Effector("restart", "Stop the process, and launch it again", _RESTART_PARAMETERS),
        _START,
        Effector("stop", "Stop the process, and give the machine back", _STOP_PARAMETERS),
    ),
    aliases=("vanilla-software-process", "vanilla-bash-server"),
    lifecycle=True,
    later=frozenset(
        (
            "download.url", "downloadUrl", "download.addon.urls", "downloadAddonUrls", "archive.nameFormat",
            "files.preinstall", "files.install", "files.customize", "files.runtime", "templates.preinstall",
            "templates.install", "templates.customize", "templates.runtime", "template.substitutions",
            "latch.provision", "latch.start", "latch.stop", "latch.setup", "latch.install", "latch.customize",
            "latch.launch", "latch.preInstall.resources", "latch.install.resources", "latch.customize.resources",
            "latch.launch.resources", "startLatch", "setupLatch", "installLatch", "customizeLatch", "launchLatch",
            "stopLatch", "skip.start", "skipStart", "skip.start.ifRunning", "skipStartIfRunning",
            "children.startable.mode", "preInstallFiles", "installFiles", "customizeFiles", "runtimeFiles",
            "preInstallTemplates", "installTemplates", "customizeTemplates", "runtimeTemplates",
            "expandedinstall.dir", "openIptables", "stopIptables", "dontRequireTtyForSudo", "provisioning.properties",
        )
    ),
)  # fmt: skip

LOCALHOST = LocationType(
    spec="localhost",
    type="org.apache.brooklyn.location.localhost.LocalhostMachineProvisioningLocation",
    description="The machine that the leading node runs on, as the user that it runs as",
    keys=(
        ConfigKey("name", description="What people call it", flag="displayName"),
        ConfigKey("onbox.base.dir", description="The directory that install and run directories are below"),
    ),
)
LOCALHOST_MACHINE = f"{LOCALHOST.type}$LocalhostMachine"


def standard_registry() -> Registry:
    """Answer the types that every node knows."""
    return Registry((BASIC_APPLICATION, BASIC_STARTABLE, BASIC_ENTITY, VANILLA), (LOCALHOST,))
