"""conf/COMMANDS.md: the table of Redis commands for people. Part of gen_resp_commands.py."""

HEAD = """# What happens to each Redis command

Every command and subcommand of Redis {version} is here. A pool spreads its keys over shards, so what
happens to a command depends on where its keys are among its arguments. Whatever is refused is
refused by name, with the reason, and the connection goes on; a name that is not here is unknown, as
it would be to a server.

Commands are marked by what they do to keys: one that *reads* may be sent again when a connection
breaks and may go to a replica where the pool allows that; one that *writes* goes to the primary and
is never sent twice; the others have no keys and go to the primary. "Only the primary" marks reads
that no replica answers.

This file is made from the same table as the proxy: change `scripts/gen_resp_commands.py`, not it.

## Commands of modules

A module's commands are told to a pool by its setting `commands`. `keys` is first, last and step of
its keys among its arguments, as `COMMAND INFO` prints them (fields 4 to 6; a negative last counts
from the end); `write: false` says that it only reads.

```yaml
    commands:
      - {{name: BF.ADD, keys: [1, 1, 1], write: true}}
      - {{name: BF.EXISTS, keys: [1, 1, 1], write: false}}
```

They are forwarded by their keys like those of the first two tables.

## A newer server

Commands that a server has and this table has not can be told to a pool in the same way, or put in
the table: `scripts/gen_resp_commands.py --redis-server PROGRAM` asks that server for all it knows,
writes the table and this file anew, and lists what it found no treatment for. Build after that.
"""

KEYED, SHARED, SPLIT, ALL, ANY, SESSION, LOCAL, REFUSED = SECTIONS = (
    ("Forwarded by their key",
     "They have one key, and go to the shard that owns it."),
    ("Forwarded where all keys are on one shard",
     "They go to the shard that owns their keys. Where the keys are on several shards the answer\n"
     "is `-CROSSSLOT ...`; a hash tag (`{user7}:a`, `{user7}:b`) keeps keys together."),
    ("Split by key",
     "Their keys may be on any shards: each shard gets its part, and the replies become one."),
    ("Sent to all shards", "All shards get the command, and their replies become one."),
    ("Sent to one shard", "Any shard would answer alike."),
    ("Transactions, subscriptions and cursors", "They are about more than one request."),
    ("Answered by the proxy", "No server sees them."),
    ("Refused", "The reply is `-ERR slipring: 'wait' is not supported: ` and the reason."),
)

MERGES = {
    "MERGE_ARRAY": "the values in the order of the keys",
    "MERGE_SUM": "the numbers added up",
    "MERGE_ALL_OK": "the first reply, or an error if there is one",
    "MERGE_CONCAT": "the lists put together",
    "MERGE_UNION": "the lists put together, each name once",
    "MERGE_MIN": "the least number",
    "MERGE_AND": "1 where all shards say 1",
    "MERGE_ANY_OK": "the first reply that is no error, or else an error",
    "MERGE_RANDOM": "one of the replies at random, nil only if all are",
    "MERGE_PAIRS": "the numbers added up name by name",
    "MERGE_INFO": "the sections added up, or listed shard by shard",
}
OF_SPLIT = {
    "SPLIT_KEYS": SPLIT, "SPLIT_PAIRS": SPLIT, "SPLIT_ALL": ALL, "SPLIT_ANY": ANY,
    "SPLIT_SCAN": SESSION, "SPLIT_SESSION": SESSION, "SPLIT_PUBSUB": SESSION,
    "SPLIT_LOCAL": LOCAL, "SPLIT_REFUSE": REFUSED,
}
HOW = {
    "SPLIT_SCAN": "one shard after the other: the cursor says which",
    "SPLIT_SESSION": "a transaction on one shard, that of its keys",
    "SPLIT_PUBSUB": "changes what the client is subscribed to",
}
NOTES = {
    "asking": "the error of a server without a cluster",
    "command": "without a subcommand",
    "publish": "the channel decides as if it were a key",
    "spublish": "the channel decides as if it were a key",
    "xread": "with BLOCK on a connection of its own while it waits",
    "xreadgroup": "with BLOCK on a connection of its own while it waits",
}


def section_of(command):
    if command.split != "SPLIT_NONE":
        return OF_SPLIT[command.split]
    one = len(command.specs) == 1 and command.specs[0][:1] == ("RANGE",)
    return KEYED if one and command.specs[0][1] == command.specs[0][2] else SHARED


def does(command):
    for flag, word in ("CMD_READ", "reads"), ("CMD_WRITE", "writes"):
        if flag in command.flags and command.split not in ("SPLIT_SESSION", "SPLIT_REFUSE"):
            return word
    return ""


def notes(command):
    said = []
    if command.name in NOTES:
        said.append(NOTES[command.name])
    elif "CMD_BLOCKING" in command.flags:
        said.append("on a connection of its own while it waits")
    if "CMD_PRIMARY" in command.flags:
        said.append("only the primary")
    if "no_mandatory_keys" in command.wire:
        said.append("its keys are those that it counts; without any it goes to the first shard")
    if any(spec[0] == "STORE" for spec in command.specs):
        said.append("its destination is one of its keys")
    if "CMD_NO_AUTH" in command.flags:
        said.append("also before the client has said who it is")
    if command.name.startswith("cluster|") and command.split == "SPLIT_LOCAL":
        said.append("the error of a server without a cluster")
    return "; ".join(said)


def cells(command):
    name = "`" + command.name.upper().replace("|", " ") + "`"
    section = section_of(command)
    if section is REFUSED:
        return [name, command.why]
    if section in (SPLIT, ALL):
        return [name, MERGES[command.merge], does(command), notes(command)]
    if section is SESSION:
        return [name, HOW[command.split], does(command), notes(command)]
    return [name, does(command), notes(command)]


def columns(section):
    if section is REFUSED:
        return ["command", "why"]
    how = {SPLIT: ["the one reply"], ALL: ["the one reply"], SESSION: ["what the proxy does"]}
    return ["command", *how.get(section, []), "reads or writes", "notes"]


def is_family(command):
    """OBJECT alone is no command, but COMMAND is."""
    return "CMD_CONTAINER" in command.flags and command.split == "SPLIT_REFUSE"


def line(texts):
    return "|" + "".join(f" {text} |" if text else " |" for text in texts) + "\n"


def text(commands, version):
    out = HEAD.format(version=version)
    for section in SECTIONS:
        title, about = section
        rows = [c for c in commands if section_of(c) is section and not is_family(c)]
        heads = columns(section)
        filled = [i for i in range(len(heads)) if i < 1 or any(cells(row)[i] for row in rows)]
        out += f"\n## {title}\n\n{about}\n\n"
        for texts in [heads, ["---"] * len(heads)] + [cells(row) for row in rows]:
            out += line([texts[i] for i in filled])
    return out
