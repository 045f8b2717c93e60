#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""
bench-report.py DIRECTORY: what the measurements mean.

Reads DIRECTORY/timed/tap and, if it is there, DIRECTORY/icount/tap, as
scripts/guest/bench.sh wrote them, and DIRECTORY/live-update.txt, which is what
scripts/demo.sh said. Prints a table of what has a bar and one of everything, and
writes these to DIRECTORY as results.json and measurements.json, and both with
plots as report.html.
"""

import collections
import fnmatch
import html
import itertools
import json
import pathlib
import re
import statistics
import subprocess
import sys

OURS = "pkernfs"
CONTENDERS = (OURS, "limit", "tmpfs", "tmpfs-huge", "hugetlbfs", "ext4-dax")
# What limits everybody in a measurement.
LIMITS = {
    "fio.*": "limit.memcpy-1m", "io.*-4k": "limit.memcpy-4k", "io.*-64": "limit.system-call",
    "map-4k.first-touch": "limit.page-fault-4k",
}
IO = {
    "io.read-4k": "4 KiB random read", "io.write-4k": "4 KiB random write",
    "io.read-64": "64 B random read", "io.write-64": "64 B random write",
    "fio.read-1m": "1 MiB sequential read", "fio.write-1m": "1 MiB sequential write",
}

# What a measurement takes at most, in relation to the peer's; with at_least it is how
# many times as fast it must be.
Row = collections.namedtuple("Row", "work measure whose peer_measure peer bar at_least",
                             defaults=[False])


def against(work, measure, **bars):
    """pkernfs against others in the same measurement."""
    for peer, bar in bars.items():
        yield Row(work, measure, OURS, measure, peer.replace("_", "-"), bar)


def rows():
    """The numbers to reach, in the order in which they are shown."""
    for measure, work in IO.items():
        yield from against(work, measure, tmpfs=1.0, ext4_dax=0.85)
    for key in ("create", "unlink", "rename", "mkdir"):
        yield from against(key, "names." + key, tmpfs=1.25, ext4_dax=0.25)
    yield from against("create + 4 KiB + fsync", "small.create-4k-fsync", tmpfs=1.25)
    yield from against("stat after drop_caches", "names.stat-cold", tmpfs=1.5)
    yield from against("readdir per entry", "names.readdir", tmpfs=1.25)
    for key in ("create", "stat-cold", "readdir", "unlink"):
        measure = "directory." + key
        yield Row(f"{key} in a directory of 100,000", measure + "-100000", OURS,
                  measure + "-100", OURS, 1.5)
    yield from against("2 MiB mmap: first touch", "map-2m.first-touch", hugetlbfs=1.05)
    yield from against("2 MiB mmap: re-touch", "map-2m.touch", hugetlbfs=1.05)
    yield Row("mount after kexec, 512 GiB", "mount.mount-512-gib", OURS,
              "mount.mount-1-gib", OURS, 1.5)
    yield Row("mount after kexec, 100,000 files", "mount.mount-100000-files", OURS,
              "mount.mount-1-gib", OURS, 1.2)
    yield from against("mount + touching all of it", "restore.all", ext4_dax=0.35)
    yield Row("two processes in different directories", "processes.two-directories", OURS,
              "processes.one", OURS, 1.7, at_least=True)
    yield Row("pkernfs' share of the live-update pause", "live-update.pkernfs", OURS,
              "live-update.pause", OURS, 0.02)


def tap(path):
    """What scripts/guest/bench.sh measured."""
    for line in path.read_text(errors="replace").splitlines():
        words = line.split()
        if words[:2] == ["#", "bench:"] and len(words) in (5, 6):
            yield words[2], words[3], float(words[4]), (words[5:] or ["ns"])[0]


def live_update(path):
    """The parts of the pause that scripts/demo.sh saw."""
    for name, ms in re.findall(r"^  ([a-z ]+?) +([\d.]+) ms", path.read_text(), re.M):
        yield "live-update." + name.replace(" ", "-"), OURS, float(ms) * 1e6, "ns"


def by_number(measure):
    """Sorts "8-gib" before "64-gib"."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", measure)]


class Run:
    """The measurements of one run: samples[measure][contender] is a list."""

    def __init__(self, *measurements):
        self.samples, self.units = {}, {}
        for measure, whose, value, unit in itertools.chain(*measurements):
            # Who is no contender is pkernfs in another case, such as "512-gib".
            if whose not in CONTENDERS:
                measure, whose = f"{measure}-{whose}", OURS
            self.samples.setdefault(measure, {}).setdefault(whose, []).append(value)
            self.units[measure] = unit
        for pattern, limit in LIMITS.items():
            for measure in fnmatch.filter(self.samples, pattern):
                self.samples[measure].update(self.samples.get(limit, {}))

    def has(self, measure, whose):
        return whose in self.samples.get(measure, {})

    def median(self, measure, whose):
        if not self.has(measure, whose):
            sys.exit(f"bench-report.py: {measure} of {whose} was not measured")
        return statistics.median(self.samples[measure][whose])

    def spread(self, measure, whose):
        """
        Half of the distance between the quartiles, as a part of the median. None
        when there are too few samples to say.
        """
        samples = self.samples[measure][whose]
        if len(samples) < 3:
            return None
        low, middle, high = statistics.quantiles(samples, n=4)
        return (high - low) / 2 / middle

    def ratio(self, row):
        ratio = self.median(row.measure, row.whose) / self.median(row.peer_measure, row.peer)
        return 1 / ratio if row.at_least else ratio

    def figure(self, measure, whose):
        """A contender's, and pkernfs' ratio to it."""
        compare = whose != OURS and self.has(measure, OURS)
        return {
            "figure": self.median(measure, whose),
            "unit": self.units[measure],
            "spread": self.spread(measure, whose),
            "samples": len(self.samples[measure][whose]),
            "ratio": self.ratio(Row("", measure, OURS, measure, whose, 0)) if compare else None,
        }

    def summary(self):
        """All figures: of each measurement those of all contenders."""
        return {measure: {whose: self.figure(measure, whose)
                          for whose in CONTENDERS if self.has(measure, whose)}
                for measure in sorted(self.samples, key=by_number)}


def holds(ratio, bar, at_least):
    return ratio >= bar if at_least else ratio <= bar


def judge(row, timed, icount):
    ratio, bar = timed.ratio(row), row.bar
    if row.at_least:
        # Nobody can have more of this machine than it gives to tmpfs.
        bar = min(bar, timed.ratio(row._replace(whose="tmpfs", peer="tmpfs")))
    result = {
        "work": row.work,
        "figure": timed.median(row.measure, row.whose),
        "spread": timed.spread(row.measure, row.whose),
        "unit": timed.units[row.measure],
        "peer": row.peer if row.peer != OURS else row.peer_measure,
        "peer_figure": timed.median(row.peer_measure, row.peer),
        "peer_spread": timed.spread(row.peer_measure, row.peer),
        "ratio": ratio,
        "bar": bar,
        "at_least": row.at_least,
        "holds": holds(ratio, bar, row.at_least),
    }
    if icount and icount.has(row.measure, row.whose):
        counted = icount.ratio(row)
        result.update(icount_figure=icount.median(row.measure, row.whose),
                      icount_peer_figure=icount.median(row.peer_measure, row.peer),
                      icount_ratio=counted,
                      icount_holds=holds(counted, bar, row.at_least))
    return result


SCALES = {
    "ns": ((1e9, "s"), (1e6, "ms"), (1e3, "us"), (1, "ns")),
    "B": ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1, "B")),
}


def scale(value, unit):
    """The unit in which to show a figure, and how much of it that is."""
    return next((s for s in SCALES[unit] if value >= s[0]), SCALES[unit][-1])


def shown(value, unit):
    factor, name = scale(value, unit)
    return f"{value / factor:.3g} {name}"


def varied(value, unit, spread):
    return shown(value, unit) + ("" if spread is None else f" ± {spread:.0%}")


def shown_bar(result):
    return f"{'>=' if result['at_least'] else '<='} {result['bar']:.2f}"


def print_table(results):
    print(f"{'':40}{'pkernfs':>9}  {'peer':>9}  {'':28}{'ratio':>7} {'bar':>7}  {'':4}  icount")
    last = None
    for r in results:
        work = r["work"] if r["work"] != last else ""
        last = r["work"]
        counted = ""
        if "icount_ratio" in r:
            counted = f"{r['icount_ratio']:.2f} {'ok' if r['icount_holds'] else 'MISS'}"
        print(f"{work:40}{shown(r['figure'], r['unit']):>9}  "
              f"{shown(r['peer_figure'], r['unit']):>9}  {r['peer']:28}"
              f"{r['ratio']:7.3f} {shown_bar(r)}  {'ok' if r['holds'] else 'MISS':4}  {counted}")


def cells(figures):
    """For each contender its figure and pkernfs' ratio to it, as words."""
    for whose in CONTENDERS:
        f = figures.get(whose)
        yield (varied(f["figure"], f["unit"], f["spread"]) if f else "",
               f"{f['ratio']:.2f}" if f and f["ratio"] else "")


def print_measurements(measurements):
    print("\nEverything measured: median ± half of the distance between the quartiles, and "
          "pkernfs divided by it\n" + " " * 29 + f"{OURS:>11}" +
          "".join(f"{whose:>17}" for whose in CONTENDERS[1:]))
    for measure, figures in measurements.items():
        (ours, _), *others = cells(figures)
        print((f"{measure:29}{ours.replace(' ', ''):>11}" + "".join(
            f"{figure.replace(' ', '') + f' {ratio:>4}':>17}"
            for figure, ratio in others)).rstrip())


TITLES = {
    "directory": "Directories of 100, 10,000 and 100,000 names",
    "fallocate-1g": "fallocate of 1 GiB",
    "fallocate-8g": "fallocate of 8 GiB, for each GiB",
    "fio": "Reads and writes of 1 MiB",
    "io": "Reads and writes of 64 B and 4 KiB",
    "limit": "What no filesystem can be faster than",
    "live-update": "The pause of a live update and its parts",
    "map-1g": "Mappings by 1 GiB",
    "map-2m": "Mappings by 2 MiB",
    "map-4k": "Mappings by 4 KiB",
    "mount": "Mounts after kexec, of 2 GiB where nothing is said",
    "names": "Names",
    "processes": "One and two processes that create and unlink",
    "restore": "Mounting, mapping and touching 1.5 GiB after kexec",
    "small": "Small files that are to last",
    "struct-pages": "Struct pages of a region, without their page tables",
}


def plot(test, measurements):
    """A bar for each contender of each measurement, as SVG."""
    present = [c for c in CONTENDERS if any(c in f for f in measurements.values())]
    factor, name = max(scale(f["figure"], f["unit"])
                       for figures in measurements.values() for f in figures.values())
    data = "".join(
        '"' + measure.split(".")[1] + '" ' + " ".join(
            str(figures[c]["figure"] / factor if c in figures else 0) for c in present) + "\n"
        for measure, figures in measurements.items())
    columns = ", ".join(f'$data using {i + 2}:xtic(1) title "{c}" lc {CONTENDERS.index(c) + 1}'
                        for i, c in enumerate(present))
    script = (f"set terminal svg size 900,320 font 'sans-serif,11'\n"
              f"set title '{TITLES.get(test, test)}'\nset ylabel '{name}'\nset yrange [0:*]\n"
              f"set style data histogram\nset style fill solid 0.8\nset grid ytics\n"
              f"set key outside\nset xtics rotate by -20\n"
              f"$data << END\n{data}END\nplot {columns}\n")
    svg = subprocess.run(["gnuplot"], input=script, text=True, check=True,
                         capture_output=True).stdout
    return svg[svg.index("<svg"):]


def plots(measurements):
    """A plot for each test."""
    def test_of(item):
        return item[0].split(".")[0]

    return "".join(plot(test, dict(items))
                   for test, items in itertools.groupby(measurements.items(), test_of))


def table(head, rows_of_cells):
    rows_of_cells = [[html.escape(cell) for cell in row] for row in rows_of_cells]
    return "<table><tr><th>" + "<th>".join(head) + "".join(
        "<tr><td>" + "<td>".join(row) for row in rows_of_cells) + "</table>"


def write_report(results, measurements, where):
    """Everything in one file that needs no other."""
    body = "<p>Medians, ± half of the distance between the quartiles." + table(
        ("work", "pkernfs", "peer", "", "ratio", "bar", "", "ratio of instructions"),
        ((r["work"], varied(r["figure"], r["unit"], r["spread"]),
          varied(r["peer_figure"], r["unit"], r["peer_spread"]),
          r["peer"], f"{r['ratio']:.3f}", shown_bar(r),
          "holds" if r["holds"] else "is missed",
          f"{r['icount_ratio']:.2f}" if "icount_ratio" in r else "")
         for r in results))
    for title, run in zip(("Everything measured", "The same in instructions"),
                          measurements.values()):
        body += f"<h2>{title}</h2><p>In brackets pkernfs divided by it." + table(
            ("", *CONTENDERS),
            ((measure, *(f"{figure} ({ratio})" if ratio else figure
                         for figure, ratio in cells(figures)))
             for measure, figures in run.items())) + plots(run)
    where.write_text(
        "<!doctype html><meta charset=utf-8><title>pkernfs: make bench</title>"
        "<style>body{font-family:sans-serif;max-width:75em;margin:2em auto}"
        "td,th{padding:.2em .6em;text-align:left}tr:nth-child(even){background:#eee}</style>"
        f"<h1>pkernfs beside what people would use instead</h1>{body}\n")


def main():
    directory = pathlib.Path(sys.argv[1])
    timed = Run(tap(directory / "timed/tap"), live_update(directory / "live-update.txt"))
    icount_tap = directory / "icount/tap"
    icount = Run(tap(icount_tap)) if icount_tap.exists() else None
    results = [judge(row, timed, icount) for row in rows()]
    measurements = {"timed": timed.summary()}
    if icount:
        measurements["icount"] = icount.summary()
    print_table(results)
    print_measurements(measurements["timed"])
    for name, what in ("results", results), ("measurements", measurements):
        (directory / f"{name}.json").write_text(json.dumps(what, indent=1) + "\n")
    write_report(results, measurements, directory / "report.html")


main()
