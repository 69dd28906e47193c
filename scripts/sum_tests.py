"""Prints Check's sum, pytest's sum, and the two together as "N passed, N failed".

usage: sum_tests.py UNIT-LOG UNIT-STATUS JUNIT-XML PYTEST-STATUS
"""
import re
import sys
import xml.etree.ElementTree as xml


def unit_sum(log, status):
    """(passed, failed) of Check's last summary; a run that has none, or failed oddly, is one failure."""
    text = open(log, errors="replace").read()
    found = re.findall(r"^\d+%: Checks: (\d+), Failures: (\d+), Errors: (\d+)$", text, re.M)
    if not found:
        return 0, 1
    checks, failures, errors = map(int, found[-1])
    failed = failures + errors
    if status != 0 and failed == 0:
        failed = 1
    return checks - failures - errors, failed


def integration_sum(junit, status):
    """(passed, failed, skipped) of pytest's report; no report or no test is one failure."""
    try:
        suites = list(xml.parse(junit).getroot().iter("testsuite"))
    except (OSError, xml.ParseError):
        return 0, 1, 0
    count = {key: sum(int(suite.get(key, 0)) for suite in suites)
             for key in ("tests", "failures", "errors", "skipped")}
    failed = count["failures"] + count["errors"]
    if status != 0 and failed == 0:
        failed = 1
    passed = count["tests"] - count["failures"] - count["errors"] - count["skipped"]
    return passed, failed, count["skipped"]


def main():
    unit_log, unit_status, junit, pytest_status = sys.argv[1:]
    unit_passed, unit_failed = unit_sum(unit_log, int(unit_status))
    passed, failed, skipped = integration_sum(junit, int(pytest_status))
    print(f"\nunit: {unit_passed} passed, {unit_failed} failed")
    print(f"integration: {passed} passed, {failed} failed, {skipped} skipped")
    print(f"{unit_passed + passed} passed, {unit_failed + failed} failed")
    return 1 if unit_failed + failed else 0


if __name__ == "__main__":
    sys.exit(main())
