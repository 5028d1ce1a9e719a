"""The `amp` command: a home directory and its files, the process that serves from it, and a client of the REST API.

Read `main` first. `config` turns files into `amp.settings.Settings`; `launch` and `process` run a node;
`commands` is the client. Commands that service managers call (launch, start, stop, status) import neither cyclopts
nor rich.
"""
