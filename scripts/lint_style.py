"""Measures the C against the style's limits: lengths, share of comments, what may not be there.

usage: lint_style.py [OBJECT...]; objects are compiled files whose mutable globals are counted.
A function or file over its limit is excused by a comment at its head with the words "Long because".
"""
import glob
import os
import re
import statistics
import subprocess
import sys

FUNCTION_MAX, FUNCTION_MEDIAN, FUNCTION_95TH = 60, 15, 45
FILE_MAX = {".c": 400, ".h": 150}
COMMENTS = (12.0, 18.0)  # per cent of the lines that are not blank
EXCUSE = "Long because"
NOTES = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
# What may be process-wide: the log, and the rate limit that each of its call sites has.
GLOBALS = re.compile(r"^base/log\.c:|:\w+\.site(\.\d+)?$")

faults = []


class Source:
    """A C file: its lines, which of them carry a comment, and the text of the comments."""

    def __init__(self, path):
        self.path = path
        with open(path, encoding="utf-8") as file:
            self.text = file.read()
        self.lines = self.text.splitlines()
        self.commented = set()
        self.comments = []  # (line, text)
        self.slashes = []  # lines with a // comment
        self.scan()

    def scan(self):
        token = re.compile(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|//[^\n]*|/\*.*?\*/', re.S)
        for match in token.finditer(self.text):
            text = match[0]
            if text[0] != "/":
                continue
            first = self.text.count("\n", 0, match.start()) + 1
            self.comments.append((first, text))
            self.commented.update(range(first, first + text.count("\n") + 1))
            if text.startswith("//"):
                self.slashes.append(first)

    def filled(self):
        return sum(1 for line in self.lines if line.strip())

    def comment_before(self, line):
        """The comment that ends right above the line, or an empty text."""
        for first, text in self.comments:
            if first + text.count("\n") == line - 1:
                return text
        return ""


def fault(path, line, text):
    faults.append(f"{path}:{line}: {text}")


def functions_of(paths):
    """[(path, name, first, last)] as ctags sees them."""
    out = subprocess.run(
        ["ctags", "-x", "--language-force=C", "--kinds-C=f", "--fields=+ne",
         "--_xformat=%{input}\t%N\t%n\t%e", *paths],
        check=True, capture_output=True, text=True).stdout
    rows = [line.split("\t") for line in out.splitlines()]
    return [(path, name, int(first), int(last)) for path, name, first, last in rows
            if last.isdigit()]


def check_lengths(sources, tests):
    lengths = []
    paths = [p for p in list(sources) + list(tests) if p.endswith((".c", ".h"))]
    everything = {**sources, **tests}
    for path, name, first, last in functions_of(paths):
        length = last - first + 1
        if path in sources:
            lengths.append((length, name))
        if length > FUNCTION_MAX and EXCUSE not in everything[path].comment_before(first):
            fault(path, first, f"{name}() has {length} lines, limit {FUNCTION_MAX}")
    for path, source in sources.items():
        limit = FILE_MAX.get(path[-2:])
        head = source.comments[0][1] if source.comments else ""
        if limit and len(source.lines) > limit and EXCUSE not in head:
            fault(path, 1, f"{len(source.lines)} lines, limit {limit}")
    return sorted(lengths)


def check_text(source):
    for line in source.slashes:
        fault(source.path, line, "// comment; use /* */")
    for line, text in source.comments:
        if NOTES.search(text):
            fault(source.path, line, "a note to do something; open an issue, or do it")


def check_globals(objects):
    """How many writable objects the compiled files have beside the log's; each is a fault."""
    count = 0
    for path in objects:
        match = re.search(r"proxy/(.*\.c)\.o$", path)
        if not match or not os.path.exists("proxy/" + match[1]):
            continue  # the object of a file that is gone
        module = match[1]
        out = subprocess.run(["objdump", "-t", path], check=True, capture_output=True,
                             text=True).stdout
        for line in out.splitlines():
            row = re.match(r"^[0-9a-f]+ .{7} (\.data|\.bss|\.tdata|\.tbss|\*COM\*)\S*\t"
                           r"([0-9a-f]+) (?:\.hidden )?(\S+)$", line)
            # .data.rel.ro has its own section name and is constant once the program runs.
            if not row or re.search(r"\s\.data\.rel\.ro", line) or int(row[2], 16) == 0:
                continue
            if not GLOBALS.search(f"{module}:{row[3]}"):
                count += 1
                fault("proxy/" + module, 1, f"mutable global {row[3]}")
    return count


def percentile(lengths, share):
    return lengths[min(len(lengths) - 1, int(len(lengths) * share))] if lengths else (0, "-")


def main():
    paths = sorted(p for pattern in ("*.c", "*/*.c", "*/*.h", "*/*.def")
                   for p in glob.glob("proxy/" + pattern))
    sources = {path: Source(path) for path in paths}
    tests = {path: Source(path) for path in sorted(glob.glob("test/*.[ch]") +
                                                   glob.glob("test/fuzz/*.[ch]"))}
    lengths = check_lengths(sources, tests)
    for source in list(sources.values()) + list(tests.values()):
        check_text(source)
    filled = sum(source.filled() for source in sources.values()) or 1
    share = 100.0 * sum(len(source.commented) for source in sources.values()) / filled
    median = statistics.median(length for length, _ in lengths) if lengths else 0
    tail = percentile(lengths, 0.95)[0]
    if median > FUNCTION_MEDIAN:
        fault("proxy", 0, f"median function of {median} lines, limit {FUNCTION_MEDIAN}")
    if tail > FUNCTION_95TH:
        fault("proxy", 0, f"95th percentile of function lengths {tail}, limit {FUNCTION_95TH}")
    if not COMMENTS[0] <= share <= COMMENTS[1]:
        fault("proxy", 0, f"comments on {share:.1f}% of the lines, wanted {COMMENTS[0]:.0f}-"
                          f"{COMMENTS[1]:.0f}%")
    globals_count = check_globals(sys.argv[1:])
    longest = lengths[-1] if lengths else (0, "-")
    files = sorted((len(source.lines), path) for path, source in sources.items())
    total = sum(len(source.lines) for source in sources.values())
    tested = sum(len(source.lines) for source in tests.values())
    print("\n".join(faults))
    print(f"style: {len(lengths)} functions, median {median:g} / 95th {tail} / longest "
          f"{longest[0]} ({longest[1]})")
    print(f"style: {len(paths)} files, {total} lines of source, {tested} of unit tests; longest file "
          f"{files[-1][1] if files else '-'} with {files[-1][0] if files else 0}")
    print(f"style: comments on {share:.1f}% of the lines; {globals_count} mutable globals beside the log")
    print(f"style: {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
