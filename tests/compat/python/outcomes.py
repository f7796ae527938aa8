# SPDX-License-Identifier: Apache-2.0
"""A plugin of pytest (-p outcomes): one line a test, "result<TAB>name<TAB>reason", to the file that OUTCOMES names, when the test is over."""
import os


class Outcomes:
    """What the three parts of a test have said so far."""

    def __init__(self, path):
        self.file = open(path, 'a', encoding='utf-8', buffering=1)  # pylint: disable=consider-using-with
        self.parts = []

    def pytest_runtest_logreport(self, report):
        self.parts.append(report)
        if report.when != 'teardown':
            return
        result, reason = 'ok', ''
        for part in self.parts:
            if part.failed:
                result, reason = 'not ok', last_line(part.longreprtext)
                break
            if part.skipped:
                result, reason = 'skip', why_skipped(part)
        self.parts = []
        name = report.nodeid.replace('tests/integration/', '')
        self.file.write(f'{result}\t{name}\t{reason}\n')


def last_line(text):
    lines = [line[4:] for line in text.split('\n') if line.startswith('E   ')] or text.strip().split('\n')
    return ' '.join(lines[-1].split())[:300]


def why_skipped(part):
    if isinstance(part.longrepr, tuple):
        return part.longrepr[2][:200]
    return getattr(part, 'wasxfail', '')[:200] or 'expected to fail'


def pytest_configure(config):
    config.pluginmanager.register(Outcomes(os.environ['OUTCOMES']))
