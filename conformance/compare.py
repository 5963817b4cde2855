"""Compares what Autobahn reported with what is committed; any difference is a failure.

compare.py [--update] REPORTS

REPORTS holds one folder for each suite (echo, tcp) with Autobahn's index.json. A case that changed,
is missing or is new gets a line; the last line counts. With --update the expected files are written
anew, and every case that is not plainly OK is shown, so that a reader sees what is being accepted.
"""

import json
import sys
from pathlib import Path

HERE = Path(__file__).parent
SUITES = ["echo", "tcp"]
FIELDS = ["behavior", "behaviorClose", "remoteCloseCode"]


def by_number(case):
    return [int(part) for part in case.split(".")]


def read_results(suite, reports):
    """Case -> the fields that count. Autobahn writes index.json only when the run is complete."""
    index = json.loads((reports / suite / "index.json").read_text())
    # Cases whose data a byte-stream target echoes in its own way: only the close can be judged.
    close_only = json.loads((HERE / f"{suite}.json").read_text()).get("close-only", [])
    results = {}
    for case, report in index["wsferry"].items():
        fields = FIELDS[1:] if case in close_only else FIELDS
        results[case] = {field: report[field] for field in fields}
    return results


def write_expected(path, results):
    # One case per line: a change of one case is a change of one line.
    lines = (f"  {json.dumps(case)}: {json.dumps(results[case])}" for case in sorted(results, key=by_number))
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def differences(expected, results):
    for case in sorted(expected.keys() | results.keys(), key=by_number):
        if case not in results:
            yield f"{case}: expected, but it did not run"
        elif case not in expected:
            yield f"{case}: ran, but nothing is expected of it"
        elif expected[case] != results[case]:
            both = expected[case].keys() | results[case].keys()
            changed = [
                f"{field} is {results[case].get(field)}, expected {expected[case].get(field)}"
                for field in FIELDS
                if field in both and results[case].get(field) != expected[case].get(field)
            ]
            yield f"{case}: " + "; ".join(changed)


def is_plainly_ok(result):
    return result.get("behavior", "OK") == "OK" and result["behaviorClose"] == "OK"


def main(arguments):
    update = "--update" in arguments
    (reports,) = [Path(argument) for argument in arguments if argument != "--update"]
    passed = failed = 0
    for suite in SUITES:
        results = read_results(suite, reports)
        path = HERE / f"expected-{suite}.json"
        if update:
            write_expected(path, results)
            for case in sorted(results, key=by_number):
                if not is_plainly_ok(results[case]):
                    print(f"{suite} {case}: accepted as {results[case]}")
        expected = json.loads(path.read_text())
        found = list(differences(expected, results))
        for difference in found:
            print(f"{suite} {difference}")
        passed += len(expected.keys() | results.keys()) - len(found)
        failed += len(found)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main(sys.argv[1:]))
