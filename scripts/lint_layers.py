"""Holds the layering: who may include whom, cycles, and which file may see which outside library.

usage: lint_layers.py [ROOT]; prints one line a fault and the figures, fails if there is a fault.
"""
import os
import re
import sys

# What each layer may include; bottom to top. CMakeLists.txt has the same table for the linker.
USES = {
    "base": [],
    "proto": ["base"],
    "route": ["base"],
    "io": ["base"],
    "core": ["base", "proto", "route", "io"],
    "plan": ["base", "proto", "route", "core"],
    "serve": ["base", "proto", "route", "io", "core", "plan"],
    "control": ["base", "proto", "route", "io", "core", "serve"],
    "cli": ["base", "route", "serve", "control"],
    "main": ["base", "route", "serve", "control", "cli"],
}
# Facts about sizes and limits, which every layer may need.
EVERYWHERE = {"core/limits.h"}
# Outside libraries: header pattern -> files that may include it, and how many of them at most.
LIBRARIES = [
    (r"uv\.h$|uv/", r"^io/", 99),
    (r"openssl/", r"^base/digest\.c$", 1),
    (r"ares\.h$", r"^io/(resolver|dns_channel)\.c$", 2),
    (r"xxhash\.h$", r"^route/", 2),
    (r"uthash\.h$", r"^(core|plan|control)/", 4),
    (r"yaml\.h$", r"^control/.*\.c$", 1),
    (r"microhttpd\.h$", r"^control/.*\.c$", 1),
    (r"systemd/", r"^control/systemd\.c$", 1),
    (r"jansson\.h$", r"^control/.*\.c$", 1),
]
# The C library as the pure layers may use it: no sockets, no clock, no threads. What reads
# addresses from text (inet_pton, the length of a socket's path) is pure.
PURE = re.compile(r"^(proto|route)/|^plan/merge\.|^core/(retry|session)\.")
PURE_HEADERS = set("""arpa/inet assert ctype errno float inttypes limits math netinet/in stdalign
    stdarg stdatomic stdbool stddef stdint stdio stdlib string strings sys/queue sys/types sys/uio
    sys/un""".split())
LIBC_HEADERS = PURE_HEADERS | set("""fcntl getopt ifaddrs locale malloc netdb netinet/tcp net/if
    poll pthread sched signal sys/epoll sys/eventfd sys/ioctl sys/mman sys/random sys/resource sys/signalfd
    sys/socket sys/stat sys/time sys/timerfd sys/wait syslog termios time unistd""".split())
MODULES_SEEN = 14  # other modules that one .c file includes; ten is the aim

faults = []


def fault(path, line, text):
    faults.append(f"proxy/{path}:{line}: {text}")


def includes_of(root, path):
    """[(line, kind, name)] of a file, kind being '"' or '<'."""
    with open(os.path.join(root, path), encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            match = re.match(r'\s*#\s*include\s*(["<])([^">]+)[">]', line)
            if match:
                yield number, match[1], match[2]


def layer_of(path):
    return path.split("/")[0] if "/" in path else "main"


def check_own(path, line, name, known):
    layer, target = layer_of(path), layer_of(name)
    if "/" not in name:
        fault(path, line, f'"{name}" without its folder')
    elif name not in known:
        fault(path, line, f'"{name}" does not exist')
    elif target != layer and target not in USES[layer] and name not in EVERYWHERE:
        fault(path, line, f"{layer} may not include {name}")


def check_outside(path, line, name, users):
    for index, (pattern, where, _) in enumerate(LIBRARIES):
        if re.match(pattern, name):
            users.setdefault(index, set()).add(path)
            if not re.match(where, path):
                fault(path, line, f"<{name}> belongs to {where}")
            return
    bare = name[:-2] if name.endswith(".h") else name
    if bare not in LIBC_HEADERS:
        fault(path, line, f"<{name}> is not on the list of outside headers")
    elif PURE.search(path) and bare not in PURE_HEADERS:
        fault(path, line, f"<{name}> in a pure module: no sockets, clocks or threads there")


def find_cycle(graph):
    """One include cycle as a list of files, or None."""
    done, trail = set(), []

    def visit(node):
        if node in trail:
            return trail[trail.index(node):] + [node]
        if node in done:
            return None
        trail.append(node)
        for other in graph.get(node, ()):
            cycle = visit(other)
            if cycle:
                return cycle
        trail.pop()
        done.add(node)
        return None

    for start in sorted(graph):
        cycle = visit(start)
        if cycle:
            return cycle
    return None


def main():
    root = os.path.join(sys.argv[1] if len(sys.argv) > 1 else ".", "proxy")
    known = sorted(os.path.relpath(os.path.join(folder, file), root)
                   for folder, _, files in os.walk(root) for file in files
                   if file.endswith((".c", ".h", ".def")))
    graph, users, widest = {}, {}, (0, "-")
    for path in known:
        if layer_of(path) not in USES:
            fault(path, 1, "not in a layer that lint_layers.py and CMakeLists.txt know")
            continue
        seen = set()
        for line, kind, name in includes_of(root, path):
            if kind == '"':
                check_own(path, line, name, known)
                graph.setdefault(path, []).append(name)
                if name.rsplit(".", 1)[0] != path.rsplit(".", 1)[0]:
                    seen.add(name)
            else:
                check_outside(path, line, name, users)
        if path.endswith(".c"):
            widest = max(widest, (len(seen), path))
            if len(seen) > MODULES_SEEN:
                fault(path, 1, f"includes {len(seen)} other modules, more than {MODULES_SEEN}")
    for index, paths in users.items():
        if len(paths) > LIBRARIES[index][2]:
            fault(sorted(paths)[-1], 1, f"{LIBRARIES[index][0]} is included by {sorted(paths)}, "
                                        f"allowed in {LIBRARIES[index][2]}")
    cycle = find_cycle(graph)
    if cycle:
        fault(cycle[0], 1, "include cycle: " + " -> ".join(cycle))
    print("\n".join(faults + [
        f"layers: {len(known)} files, {sum(map(len, graph.values()))} includes, "
        f"widest {widest[1]} with {widest[0]}, {len(faults)} faults"]))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
