# Parked coroutines inside gdb, of a running CPrime program or of its core.
#
#   (gdb) source coroscope-gdb.py
#   (gdb) info coroutines [PATTERN]     every coroutine: id, state, name, where it is parked
#   (gdb) coroutine ID bt               the stack of one; any other command that looks at frames works in place of bt:
#   (gdb) coroutine ID info locals      ... runs with the coroutine's innermost frame selected
#   (gdb) coroutine apply all bt        each in turn
#   (gdb) coroutine apply ID ID bt      some of them
#
# How: the state segment is found among the process's mappings ("/memfd:coroscope-state", live and in a core) and read by the offsets
# in LAYOUT below; no debug information of the runtime is needed. To show a stack, a Python unwinder presents the registers saved at the
# park as those of the *caller* of the selected thread's frame, so that gdb itself unwinds from there, by call frame information
# alone. No register and no memory of the target is written: programs that were given other registers died of it.
#
# Cores: the kernel's own (SIGABRT, a crash) hold everything. gdb's `gcore` copies a mapping only up to its first guard page, so the
# stacks behind it are missing.
#
# A target that blocks all signals cannot be interrupted from the terminal: `set non-stop on` before attaching, then
# `interrupt -a`. Tested in tests/unit/inspect/gdb_test.py (live, core, and LAYOUT against the headers) and tests/e2e.
import re
import struct

# Offsets in bytes of what is read here, by struct and field (instrumentation/wire/*.h), and the format version they belong to.
WIRE_MAJOR = 1
LAYOUT = {
    "SegmentHeader.magic": 0,
    "SegmentHeader.version_major": 8,
    "SegmentHeader.sections": 1264,
    "SectionEntry.record_bytes": 4,
    "SectionEntry.records_per_chunk": 8,
    "SectionEntry.chunks_max": 12,
    "SectionEntry.directory_offset": 16,
    "SectionEntry.chunks_published": 24,
    "SectionEntry.records_used": 28,
    "sizeof.SectionEntry": 64,
    "CoroutineRecord.sequence": 0,
    "CoroutineRecord.state": 4,
    "CoroutineRecord.reason": 5,
    "CoroutineRecord.rsp": 8,
    "CoroutineRecord.rip": 16,
    "CoroutineDetail.identity": 0,
    "CoroutineDetail.site": 16,
    "CoroutineDetail.name": 20,
    "CoroutineDetail.worker": 29,
    "WorkerRecord.thread_id": 0,
    "SiteRecord.file": 0,
    "SiteRecord.name": 8,
    "SiteRecord.line": 12,
}
MAGIC = 0x314745534F524F43
COROUTINES, DETAILS, WORKERS, SITES, STRINGS = 1, 2, 3, 8, 9  # SectionKind
STATES = ("free", "created", "ready", "running", "parked", "paused", "exited")
REASONS = ("", "yield", "sleep", "join", "channel-send", "channel-receive", "select", "mutex", "shared-mutex", "condition",
           "semaphore", "barrier", "latch", "event", "once", "descriptor", "signal", "blocking-call", "suspended", "nursery",
           "call", "pause", "foreign", "slot")
SAVED_WORDS = ("stack_limit", "r15", "r14", "r13", "r12", "rbx", "rbp", "rip")  # of SavedFrame, from rsp up
SAVED_FRAME_BYTES = 8 * len(SAVED_WORDS)
NONE = 0xFFFFFFFF
PAGE_BYTES = 4096
CHUNK_LIVE = 1
LISTED_MAX = 200


def number(data, field, form, base=0):
    return struct.unpack_from("<" + form, data, base + LAYOUT[field])[0]


class Segment:
    """The state segment as it lies in the target's memory; `read(address, bytes)` gets at that."""

    def __init__(self, base, read):
        self.base = base
        self.read = read
        self.header = read(base, PAGE_BYTES)
        if number(self.header, "SegmentHeader.magic", "Q") != MAGIC:
            raise ValueError("the mapping called coroscope-state does not hold a CPrime state segment")
        major = number(self.header, "SegmentHeader.version_major", "H")
        if major != WIRE_MAJOR:
            side = "this script (upgrade coroscope)" if major > WIRE_MAJOR else "the program (rebuild it with a newer CPrime)"
            raise ValueError("the program's segment has version %d, this script reads %d: the older one is %s"
                             % (major, WIRE_MAJOR, side))
        self.chunks = {}

    def section(self, kind):
        at = LAYOUT["SegmentHeader.sections"] + kind * LAYOUT["sizeof.SectionEntry"]
        field = lambda name, form: number(self.header, "SectionEntry." + name, form, at)
        per_chunk = field("records_per_chunk", "I")
        count = min(field("records_used", "I"), field("chunks_published", "I") * per_chunk)
        return field("record_bytes", "I"), per_chunk, count, field("directory_offset", "Q")

    def count(self, kind):
        return self.section(kind)[2]

    def record(self, kind, index):
        """(bytes, offset of the record in them), or None when it does not exist."""
        record_bytes, per_chunk, count, directory = self.section(kind)
        if index >= count:
            return None
        key = (kind, index // per_chunk)
        if key not in self.chunks:
            word = struct.unpack("<Q", self.read(self.base + directory + 8 * key[1], 8))[0]
            data = None
            if word & 0xFF == CHUNK_LIVE:
                data = self.read(self.base + (word >> 8) * PAGE_BYTES, record_bytes * per_chunk)
            self.chunks[key] = data
        if self.chunks[key] is None:
            return None
        return self.chunks[key], (index % per_chunk) * record_bytes

    def text(self, index):
        found = None if index == NONE else self.record(STRINGS, index)
        if found is None:
            return ""
        data, at = found
        length = struct.unpack_from("<H", data, at)[0] if at + 2 <= len(data) else 0
        return data[at + 2:at + 2 + length].decode("utf-8", "replace")

    def site(self, index):
        """(name, "file:line") of a spawn site."""
        found = None if index == NONE else self.record(SITES, index)
        if found is None:
            return "", "?"
        data, at = found
        place = "%s:%d" % (self.text(number(data, "SiteRecord.file", "I", at)), number(data, "SiteRecord.line", "I", at))
        return self.text(number(data, "SiteRecord.name", "I", at)), place

    def coroutines(self):
        """Every coroutine in use, as dictionaries."""
        for index in range(min(self.count(COROUTINES), self.count(DETAILS))):
            record, detail = self.record(COROUTINES, index), self.record(DETAILS, index)
            if record is None or detail is None:
                continue
            field = lambda name, form: number(record[0], "CoroutineRecord." + name, form, record[1])
            more = lambda name, form: number(detail[0], "CoroutineDetail." + name, form, detail[1])
            state, reason = field("state", "B"), field("reason", "B")
            if state == 0 or state >= len(STATES) or more("identity", "Q") == 0:
                continue
            name, site = self.site(more("site", "I"))
            yield {
                "id": more("identity", "Q"),
                "index": index,
                "running": field("sequence", "I") % 2 == 1,
                "state": STATES[state],
                "reason": REASONS[reason] if reason < len(REASONS) else "?",
                "rsp": field("rsp", "Q"),
                "rip": field("rip", "Q"),
                "worker": more("worker", "B"),
                "name": self.text(more("name", "I")) or name or "coroutine",
                "site": site,
            }

    def thread_of_worker(self, worker):
        found = self.record(WORKERS, worker)
        return 0 if found is None else number(found[0], "WorkerRecord.thread_id", "I", found[1])


def register():
    """Everything that needs gdb; the rest of this file can be imported without."""
    import gdb
    import gdb.frames
    import gdb.unwinder
    from gdb.FrameDecorator import FrameDecorator  # noqa: F401  (fails early in a gdb without Python frames)

    word = gdb.lookup_type("unsigned long")
    value = lambda number: gdb.Value(number).cast(word)

    def read(address, count):
        return gdb.selected_inferior().read_memory(address, count).tobytes()

    def open_segment():
        try:
            mappings = gdb.execute("info proc mappings", to_string=True)
        except gdb.error as problem:
            raise gdb.GdbError("no mappings to look for coroutines in: %s" % problem)
        starts = []
        for line in mappings.splitlines():
            words = line.split()
            if "/memfd:coroscope-state" in line and words[3] == "0x0":
                starts.append(int(words[0], 16))
        if not starts:
            raise gdb.GdbError("this program has no CPrime runtime, or runs with CPRIME_STATE_PLANE=off")
        try:
            return Segment(starts[0], read)
        except (ValueError, gdb.MemoryError) as problem:
            raise gdb.GdbError(str(problem))

    class FrameId:
        def __init__(self, sp, pc):
            self.sp, self.pc = sp, pc

    class SavedContext(gdb.unwinder.Unwinder):
        """Claims the selected thread's own frame and gives it a coroutine as its caller."""

        def __init__(self):
            super().__init__("coroscope")
            self.rsp = None  # of the SavedFrame; None: claims nothing
            self.top = None  # stack pointer of the frame to claim

        def __call__(self, pending):
            if self.rsp is None or int(pending.read_register("rsp")) != self.top:
                return None
            # The claimed frame is given an identity just below the coroutine's: gdb wants callers to lie above.
            info = pending.create_unwind_info(FrameId(value(self.rsp), pending.read_register("rip")))
            saved = struct.unpack("<%dQ" % len(SAVED_WORDS), read(self.rsp, SAVED_FRAME_BYTES))
            for name, content in list(zip(SAVED_WORDS, saved))[1:]:
                info.add_saved_register(name, value(content))
            info.add_saved_register("rsp", value(self.rsp + SAVED_FRAME_BYTES))
            return info

    class OwnFrames:
        """Leaves the thread's own frame out of backtraces while a coroutine is shown."""

        name, priority, enabled = "coroscope-own-frames", 1000, False
        count = 0

        def filter(self, frames):
            for _ in range(self.count):
                next(frames, None)
            return frames

    unwinder, own_frames = SavedContext(), OwnFrames()
    gdb.unwinder.register_unwinder(None, unwinder, True)
    gdb.frame_filters[own_frames.name] = own_frames

    class Shown:
        """Within it, the coroutine's frames follow the selected thread's innermost one, and the first of them is selected."""

        def __init__(self, coroutine):
            self.coroutine = coroutine

        def __enter__(self):
            gdb.newest_frame().select()
            frame = gdb.newest_frame()
            own = 1
            while frame.type() == gdb.INLINE_FRAME:  # inlined into the thread's own frame
                frame, own = frame.older(), own + 1
            if struct.unpack("<Q", read(self.coroutine["rsp"] + SAVED_FRAME_BYTES - 8, 8))[0] != self.coroutine["rip"]:
                raise gdb.GdbError("the stack of coroutine %d is not in this core: gdb's gcore stops at guard pages, a core of "
                                   "the kernel has it" % self.coroutine["id"])
            unwinder.top = int(frame.read_register("rsp"))
            unwinder.rsp = self.coroutine["rsp"]
            own_frames.count, own_frames.enabled = own, True
            gdb.invalidate_cached_frames()
            first = gdb.newest_frame()
            for _ in range(own):
                first = first.older()
            if first is None:
                self.__exit__()
                raise gdb.GdbError("the registers saved for coroutine %d lead nowhere" % self.coroutine["id"])
            first.select()
            return first

        def __exit__(self, *_):
            unwinder.rsp = None
            own_frames.enabled = False
            gdb.invalidate_cached_frames()

    def where(coroutine):
        if coroutine["running"]:
            return "on worker %d" % coroutine["worker"]
        place = gdb.find_pc_line(coroutine["rip"] - 1)
        block = None
        try:
            block = gdb.block_for_pc(coroutine["rip"] - 1)
        except RuntimeError:
            pass
        while block is not None and block.function is None:
            block = block.superblock
        function = str(block.function) if block is not None else "?"
        return "%s at %s:%d" % (function, place.symtab, place.line) if place.symtab else function

    class InfoCoroutines(gdb.Command):
        """List the coroutines of a CPrime program: info coroutines [PATTERN]
PATTERN is a regular expression on the whole line."""

        def __init__(self):
            super().__init__("info coroutines", gdb.COMMAND_STACK)

        def invoke(self, argument, from_tty):
            pattern = re.compile(argument or "")
            shown = total = 0
            for coroutine in open_segment().coroutines():
                total += 1
                if shown >= LISTED_MAX:
                    continue
                state = coroutine["state"]
                if state == "parked" and coroutine["reason"]:
                    state = coroutine["reason"]
                line = "%8d  %-15s %-20s %-28s %s" % (coroutine["id"], state, coroutine["name"], coroutine["site"],
                                                      where(coroutine))
                if pattern.search(line):
                    if shown == 0:
                        print("%8s  %-15s %-20s %-28s %s" % ("Id", "State", "Name", "Spawned at", "Parked in"))
                    print(line)
                    shown += 1
            print("%d of %d coroutines shown%s" % (shown, total, "" if shown < LISTED_MAX else "; give a pattern for others"))

    class OneCoroutine(gdb.Command):
        """Run a command on the frames of parked coroutines: coroutine ID [COMMAND], coroutine apply all|ID... [COMMAND]
ID is a number from `info coroutines`. Without COMMAND: bt."""

        def __init__(self):
            super().__init__("coroutine", gdb.COMMAND_STACK)

        def invoke(self, argument, from_tty):
            words = argument.split()
            several = bool(words) and words[0] == "apply"
            words = words[several:]
            everyone = several and words[:1] == ["all"]
            wanted = []
            while not everyone and words and words[0].isdigit() and (several or not wanted):
                wanted.append(int(words.pop(0)))
            if not everyone and not wanted:
                raise gdb.GdbError("usage: coroutine ID [COMMAND], or coroutine apply all|ID... [COMMAND]")
            command = " ".join(words[everyone:]) or "bt"
            segment = open_segment()
            missing = set(wanted)
            for coroutine in segment.coroutines():
                if not everyone and coroutine["id"] not in missing:
                    continue
                missing.discard(coroutine["id"])
                if several:
                    print("\nCoroutine %d (%s):" % (coroutine["id"], coroutine["name"]))
                if coroutine["running"]:
                    message = "coroutine %d runs on worker %d: look at its thread (LWP %d)" % (
                        coroutine["id"], coroutine["worker"], segment.thread_of_worker(coroutine["worker"]))
                    if not several:
                        raise gdb.GdbError(message)
                    print(message)
                    continue
                with Shown(coroutine):
                    gdb.execute(command)
            if missing:
                raise gdb.GdbError("there is no coroutine %s: see `info coroutines`" % ", ".join(map(str, sorted(missing))))

    def frames_of(coroutine):
        """The frames of a parked coroutine as dictionaries, innermost first: for scripts and tests."""
        found = []
        with Shown(coroutine) as frame:
            while frame is not None:
                place = frame.find_sal()
                found.append({
                    "pc": frame.pc(),
                    "function": frame.name() or "",
                    "file": place.symtab.fullname() if place.symtab else "",
                    "line": place.line,
                    "inlined": frame.type() == gdb.INLINE_FRAME,
                })
                frame = frame.older()
        return found

    InfoCoroutines()
    OneCoroutine()
    gdb.coroscope = {"open_segment": open_segment, "frames_of": frames_of, "Shown": Shown}


try:
    import gdb as _gdb  # noqa: F401
except ImportError:
    pass
else:
    register()
