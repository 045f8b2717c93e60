#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""
bench-report.py DIRECTORY: what the measurements mean.

Reads DIRECTORY/timed/tap and, if it is there, DIRECTORY/icount/tap, as
scripts/guest/bench.sh wrote them, and DIRECTORY/live-update.txt, which is what
scripts/demo.sh said. Prints a table, and writes results.json and
report.html to DIRECTORY.
"""

import collections
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


def shown(value):
    for factor, name in ((1e9, "s"), (1e6, "ms"), (1e3, "us")):
        if value >= factor:
            return f"{value / factor:.3g} {name}"
    return f"{value:.0f} ns"


def varied(value, spread):
    return shown(value) + ("" if spread is None else f" ± {spread:.0%}")


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
        print(f"{work:40}{shown(r['figure']):>9}  "
              f"{shown(r['peer_figure']):>9}  {r['peer']:28}"
              f"{r['ratio']:7.3f} {shown_bar(r)}  {'ok' if r['holds'] else 'MISS':4}  {counted}")


PLOTS = (
    ("Names", {"names." + k: k for k in (
        "create", "open", "stat", "stat-cold", "rename", "unlink", "mkdir", "rmdir")}
     | {"small.create-4k-fsync": "create+4k+fsync"}),
    ("Reads and writes of 64 B and 4 KiB", {"io." + k: k for k in (
        "read-64", "write-64", "read-4k", "write-4k")}),
    ("Reads and writes of 1 MiB", {"fio." + k: k for k in (
        "read-1m", "write-1m", "first-write-1m")}),
    ("Mappings by 2 MiB", {"map-2m.first-touch": "first touch", "map-2m.touch": "re-touch"}),
    ("Mappings by 4 KiB", {"map-4k.first-touch": "first touch", "map-4k.touch": "re-touch"}),
    ("fallocate, for each GiB", {"fallocate-1g.gib": "of 1 GiB",
                                 "fallocate-8g.gib": "of 8 GiB"}),
    ("Directories of 100, 10,000 and 100,000 names", {
        f"directory.{k}-{n}": f"{k} {n}" for k in ("create", "stat-cold", "readdir", "unlink")
        for n in (100, 10000, 100000)}),
)


def plot(title, measures, run):
    """A bar for each contender of each measurement, as SVG."""
    measures = {m: name for m, name in measures.items() if run.has(m, OURS)}
    if not measures:
        return ""
    unit, name = (1e3, "us") if run.median(next(iter(measures)), OURS) < 1e6 else (1e6, "ms")
    present = [c for c in CONTENDERS if any(run.has(m, c) for m in measures)]
    data = "".join(
        '"' + label + '" ' + " ".join(
            str(run.median(m, c) / unit if run.has(m, c) else 0) for c in present) + "\n"
        for m, label in measures.items())
    columns = ", ".join(f'$data using {i + 2}:xtic(1) title "{c}"'
                        for i, c in enumerate(present))
    script = (f"set terminal svg size 900,320 font 'sans-serif,11'\n"
              f"set title '{title}'\nset ylabel '{name}'\nset yrange [0:*]\n"
              f"set style data histogram\nset style fill solid 0.8\nset grid ytics\n"
              f"set key outside\nset xtics rotate by -20\n"
              f"$data << END\n{data}END\nplot {columns}\n")
    svg = subprocess.run(["gnuplot"], input=script, text=True, check=True,
                         capture_output=True).stdout
    return svg[svg.index("<svg"):]


def write_report(results, timed, icount, where):
    """Everything in one file that needs no other."""
    head = "".join(f"<th>{h}" for h in (
        "work", "pkernfs", "peer", "", "ratio", "bar", "", "ratio of instructions"))
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}" for cell in (
            r["work"], varied(r["figure"], r["spread"]),
            varied(r["peer_figure"], r["peer_spread"]),
            r["peer"], f"{r['ratio']:.3f}", shown_bar(r),
            "holds" if r["holds"] else "is missed",
            f"{r['icount_ratio']:.2f}" if "icount_ratio" in r else ""))
        for r in results)
    plots = "".join(plot(title, measures, timed) for title, measures in PLOTS)
    if icount:
        plots += "<h2>The same in instructions</h2>"
        plots += "".join(plot(title, measures, icount) for title, measures in PLOTS)
    where.write_text(
        "<!doctype html><meta charset=utf-8><title>pkernfs: make bench</title>"
        "<style>body{font-family:sans-serif;max-width:60em;margin:2em auto}"
        "td,th{padding:.2em .6em;text-align:left}tr:nth-child(even){background:#eee}</style>"
        "<h1>pkernfs beside what people would use instead</h1>"
        f"<p>Medians, ± half of the distance between the quartiles.<table><tr>{head}{body}</table>"
        f"{plots}\n")


def main():
    directory = pathlib.Path(sys.argv[1])
    timed = Run(tap(directory / "timed/tap"), live_update(directory / "live-update.txt"))
    icount_tap = directory / "icount/tap"
    icount = Run(tap(icount_tap)) if icount_tap.exists() else None
    results = [judge(row, timed, icount) for row in rows()]
    print_table(results)
    (directory / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    write_report(results, timed, icount, directory / "report.html")


main()
