// What is typed becomes what is meant, and a wrong line one sentence with the way out.
#include "app/cli/command_line.h"

#include <gtest/gtest.h>

#include "instrumentation/wire/event.h"

namespace coroscope::app {
namespace {

template <typename T>
T meant(const std::vector<std::string>& arguments) {
    auto wish = parse_command_line(arguments);
    EXPECT_TRUE(wish.ok()) << (wish.ok() ? "" : wish.error().message);
    if (!wish.ok()) return T{};
    EXPECT_TRUE(std::holds_alternative<T>(*wish)) << wish->index();
    return std::holds_alternative<T>(*wish) ? std::get<T>(*wish) : T{};
}

std::string refused(const std::vector<std::string>& arguments) {
    auto wish = parse_command_line(arguments);
    EXPECT_FALSE(wish.ok());
    if (wish.ok()) return "";
    EXPECT_EQ(wish.error().code, base::ErrorCode::kUsage);
    EXPECT_EQ(wish.error().message.find('\n'), std::string::npos) << wish.error().message;
    return wish.error().message;
}

TEST(CommandLine, ctl_says_what_to_do_with_whom) {
    const auto pause = meant<CtlWish>({"ctl", "--pid", "7", "pause", "12", "13", "--keep", "--wait", "2s"});
    EXPECT_EQ(pause.what, CtlWish::What::kPause);
    EXPECT_EQ(pause.pid, 7U);
    EXPECT_EQ(pause.coroutines, (std::vector<std::uint64_t>{12, 13}));
    EXPECT_TRUE(pause.keep);
    EXPECT_EQ(pause.patience_ms, 2000);
    EXPECT_EQ(meant<CtlWish>({"ctl", "step", "--pid", "7"}).what, CtlWish::What::kStep);
    EXPECT_EQ(meant<CtlWish>({"ctl", "--pid", "7", "stop", "4", "--json"}).coroutines.front(), 4U);
    EXPECT_TRUE(meant<WindowOptions>({"launch", "--paused", "--", "demo"}).launch.paused);
    EXPECT_TRUE(meant<LookWish>({"stacks", "--pid", "7", "--running"}).running);
}

TEST(CommandLine, ctl_break_and_mask_say_what_is_meant) {
    const auto armed = meant<CtlWish>({"ctl", "--pid", "7", "break", "suspend and blocked_ns > 1ms", "--count", "3", "--keep"});
    EXPECT_EQ(armed.what, CtlWish::What::kBreak);
    EXPECT_EQ(armed.rule, "suspend and blocked_ns > 1ms");
    EXPECT_EQ(armed.count, 3U);
    EXPECT_FALSE(armed.log);
    EXPECT_TRUE(armed.keep);
    const auto logged = meant<CtlWish>({"ctl", "--pid", "7", "break", "--action", "log", "spawn"});
    EXPECT_TRUE(logged.log);
    EXPECT_FALSE(logged.count);
    const auto only = meant<CtlWish>({"ctl", "--pid", "7", "mask", "coroutine,lock"});
    EXPECT_EQ(only.what, CtlWish::What::kMask);
    EXPECT_EQ(only.withheld, wire::kEventCategories & ~(wire::kCategoryCoroutine | wire::kCategoryLock));
    EXPECT_EQ(only.changed, wire::kEventCategories);
    const auto changed = meant<CtlWish>({"ctl", "--pid", "7", "mask", "+pool,-timer"});
    EXPECT_EQ(changed.withheld, wire::kCategoryTimer);
    EXPECT_EQ(changed.changed, wire::kCategoryPool | wire::kCategoryTimer);
    EXPECT_EQ(meant<CtlWish>({"ctl", "--pid", "7", "mask", "all"}).withheld, 0U);
    EXPECT_EQ(meant<CtlWish>({"ctl", "--pid", "7", "mask", "all,-lock"}).withheld, wire::kCategoryLock);
    EXPECT_EQ(meant<CtlWish>({"ctl", "--pid", "7", "mask", "all,-lock"}).changed, wire::kEventCategories);
    EXPECT_EQ(meant<CtlWish>({"ctl", "--pid", "7", "mask", "none"}).withheld, wire::kEventCategories);
}

TEST(CommandLine, a_ctl_that_means_nothing_is_refused) {
    EXPECT_NE(refused({"ctl", "pause"}).find("--pid"), std::string::npos);
    EXPECT_NE(refused({"ctl", "--pid", "7", "jump"}).find("pause, resume, step, stop, break or mask"), std::string::npos);
    EXPECT_NE(refused({"ctl", "--pid", "7", "step", "1", "2"}).find("one coroutine at a time"),
              std::string::npos);
    EXPECT_NE(refused({"ctl", "--pid", "7", "stop"}).find("stop ID"), std::string::npos);
    EXPECT_NE(refused({"ctl", "--pid", "7", "resume", "--keep"}).find("goes with ctl pause"),
              std::string::npos);
    EXPECT_NE(refused({"ctl", "--pid", "7", "pause", "0"}).find("is no coroutine"), std::string::npos);
    EXPECT_NE(refused({"stacks", "x.coro", "--running"}).find("--pid"), std::string::npos);
}

TEST(CommandLine, profile_and_export_say_what_of_which_trace) {
    const auto profile = meant<ProfileWish>(
        {"profile", "x.coro", "--by", "channel", "--sort", "blocked", "--top", "7", "--json"});
    EXPECT_EQ(profile.file, "x.coro");
    EXPECT_EQ(profile.by, "channel");
    EXPECT_EQ(profile.sort, "blocked");
    EXPECT_EQ(profile.top, 7U);
    EXPECT_TRUE(profile.json);
    EXPECT_EQ(meant<ProfileWish>({"profile", "x.coro"}).by, "site");
    const auto stacks = meant<ExportWish>(
        {"export", "x.coro", "--format", "pprof", "--kind", "stack-memory", "--at", "1.5s", "-o", "-"});
    EXPECT_EQ(stacks.format, "pprof");
    EXPECT_EQ(stacks.kind, "stack-memory");
    EXPECT_EQ(stacks.at_ns, 1'500'000'000);
    EXPECT_EQ(stacks.output, "-");
    EXPECT_FALSE(meant<ExportWish>({"export", "x.coro", "--format", "go", "-o", "x.go"}).at_ns.has_value());
}

TEST(CommandLine, compare_takes_two_traces) {
    const auto compare = meant<CompareWish>({"diff", "a.coro", "b.coro", "--json"});
    EXPECT_EQ(compare.before, "a.coro");
    EXPECT_EQ(compare.after, "b.coro");
    EXPECT_TRUE(compare.json);
    EXPECT_NE(refused({"diff", "a.coro"}).find("AFTER"), std::string::npos);
}

TEST(CommandLine, a_profile_or_an_export_that_means_nothing_is_refused) {
    EXPECT_NE(refused({"profile"}).find("FILE"), std::string::npos);
    EXPECT_NE(refused({"profile", "x.coro", "--by", "colour"}).find("coroutine, site, channel, worker"),
              std::string::npos);
    EXPECT_NE(refused({"export", "x.coro", "-o", "y"}).find("--format"), std::string::npos);
    EXPECT_NE(refused({"export", "x.coro", "--format", "svg", "-o", "y"}).find("perfetto"), std::string::npos);
    EXPECT_NE(
        refused({"export", "x.coro", "--format", "go", "--kind", "cpu", "-o", "y"}).find("--kind goes with"),
        std::string::npos);
    EXPECT_NE(refused({"export", "x.coro", "--format", "pprof", "--kind", "cpu", "--at", "1s", "-o", "y"})
                  .find("--at goes with"),
              std::string::npos);
    EXPECT_NE(refused({"export", "x.coro", "--format", "csv", "-o", "-"}).find("name a folder"),
              std::string::npos);
    EXPECT_NE(refused({"export", "x.coro", "--format", "dot", "--at", "soon", "-o", "-"}).find("is no time"),
              std::string::npos);
}

TEST(CommandLine, no_word_means_the_start_page) {
    EXPECT_EQ(meant<WindowOptions>({}).start, WindowStart::kStartPage);
}

TEST(CommandLine, launch_takes_everything_behind_the_dashes_as_the_program) {
    const auto window = meant<WindowOptions>({"launch", "--offscreen", "--directory", "/tmp", "--env", "A=1",
                                              "--env", "B=", "--", "demo", "--seconds", "3", "--", "--json",
                                              "stat"});
    EXPECT_EQ(window.start, WindowStart::kLaunch);
    EXPECT_TRUE(window.offscreen);
    EXPECT_EQ(window.launch.program, "demo");
    EXPECT_EQ(window.launch.arguments, (std::vector<std::string>{"--seconds", "3", "--", "--json", "stat"}));
    EXPECT_EQ(window.launch.environment, (std::vector<std::string>{"A=1", "B="}));
    EXPECT_EQ(window.launch.directory, "/tmp");
}

TEST(CommandLine, window_options_are_the_same_for_every_word_that_opens_one) {
    for (const std::vector<std::string>& word :
         std::vector<std::vector<std::string>>{{}, {"attach", "12"}, {"replay", "t.coro"}}) {
        std::vector<std::string> line = word;
        for (const char* option : {"--offscreen", "--script", "s", "--screenshot", "p.png", "--dump",
                                   "d.json", "--size", "800x600", "--theme", "light", "--scale", "1.5"})
            line.emplace_back(option);
        const auto window = meant<WindowOptions>(line);
        EXPECT_TRUE(window.offscreen);
        EXPECT_EQ(window.script, "s");
        EXPECT_EQ(window.screenshot, "p.png");
        EXPECT_EQ(window.dump, "d.json");
        EXPECT_EQ(window.width, 800U);
        EXPECT_EQ(window.height, 600U);
        EXPECT_EQ(window.theme, "light");
        EXPECT_FLOAT_EQ(window.scale, 1.5F);
    }
}

TEST(CommandLine, where_source_and_debug_files_lie_is_said_to_each_window) {
    for (const std::vector<std::string>& word :
         {std::vector<std::string>{}, {"attach", "17"}, {"replay", "a.coro"}}) {
        std::vector<std::string> line = word;
        line.insert(line.end(),
                    {"--source-map", "/build=/here", "--source-map", "/a=/b", "--debug-path", "/debug"});
        const auto window = meant<WindowOptions>(line);
        EXPECT_EQ(window.source_maps, (std::vector<std::string>{"/build=/here", "/a=/b"}));
        EXPECT_EQ(window.debug_paths, std::vector<std::string>{"/debug"});
    }
    EXPECT_NE(refused({"--source-map", "here"}).find("FROM=TO"), std::string::npos);
}

TEST(CommandLine, attach_and_replay_know_their_subject) {
    EXPECT_EQ(meant<WindowOptions>({"attach", "4711"}).pid, 4711U);
    EXPECT_EQ(meant<WindowOptions>({"attach"}).pid, 0U);
    EXPECT_EQ(meant<WindowOptions>({"replay", "run.coro"}).file, "run.coro");
}

TEST(CommandLine, record_takes_a_pid_or_a_program) {
    const auto running = meant<RecordWish>({"record", "-o", "t.coro", "--pid", "12"});
    EXPECT_EQ(running.pid, 12U);
    EXPECT_EQ(running.output, "t.coro");
    const auto started = meant<RecordWish>(
        {"record", "-o", "t.coro", "--sample-period", "1", "--", "sh", "-c", "demo --seconds 1"});
    EXPECT_EQ(started.pid, 0U);
    EXPECT_EQ(started.sample_period, 1U);
    EXPECT_EQ(started.program.program, "sh");
    EXPECT_EQ(started.program.arguments, (std::vector<std::string>{"-c", "demo --seconds 1"}));
}

TEST(CommandLine, a_flight_recorder_keeps_memory_or_time_or_both) {
    const auto flight = [](const char* size) {
        return meant<RecordWish>({"record", "-o", "t.coro", "--flight-recorder", size, "--pid", "12"}).flight;
    };
    EXPECT_FALSE(meant<RecordWish>({"record", "-o", "t.coro", "--pid", "12"}).flight.has_value());
    EXPECT_EQ(flight("64MB")->bytes, 64'000'000U);
    EXPECT_EQ(flight("64MB")->ns, 0);
    EXPECT_EQ(flight("10s")->ns, 10'000'000'000);
    EXPECT_EQ(flight("10s")->bytes, FlightSize::kBytesDefault) << "memory is bounded, whatever was said";
    EXPECT_EQ(flight("1.5GiB,2min")->bytes, 3U << 29);
    EXPECT_EQ(flight("2min,1.5GiB")->ns, 120'000'000'000);
    const auto wrong = [](const char* size) {
        return refused({"record", "-o", "t.coro", "--flight-recorder", size, "--pid", "12"});
    };
    for (const char* size : {"64", "", ",", "64MB,", "MB", "64 MB", "-1MB", "1MB,1MB", "1s,1s", "0.9MB", "900ms", "1e3MB"})
        EXPECT_NE(wrong(size), "") << size;
    EXPECT_NE(wrong("12").find("64MB"), std::string::npos);
}

TEST(CommandLine, looks_take_a_file_with_a_time_or_a_pid) {
    const auto stacks = meant<LookWish>({"stacks", "t.coro", "--at", "1500ms", "--json"});
    EXPECT_EQ(stacks.what, LookWish::What::kStacks);
    EXPECT_EQ(stacks.at_ns, 1'500'000'000);
    EXPECT_TRUE(stacks.json);
    const auto waits = meant<LookWish>({"waits", "--pid", "12", "--dot"});
    EXPECT_EQ(waits.what, LookWish::What::kWaits);
    EXPECT_EQ(waits.pid, 12U);
    EXPECT_TRUE(waits.dot);
    EXPECT_EQ(meant<LookWish>({"stat", "t.coro"}).file, "t.coro");
    EXPECT_TRUE(meant<LookWish>({"stacks", "--pid", "1", "--agent-copies"}).agent_copies);
}

TEST(CommandLine, analyze_takes_a_binary_and_asks_of_sites_of_one_function_or_of_all) {
    EXPECT_EQ(meant<AnalyzeWish>({"analyze", "server"}).binary, "server");
    EXPECT_EQ(meant<AnalyzeWish>({"analyze", "server", "--function", "parse"}).function, "parse");
    const auto all = meant<AnalyzeWish>({"analyze", "--all", "--json", "server"});
    EXPECT_TRUE(all.all);
    EXPECT_TRUE(all.json);
    EXPECT_NE(refused({"analyze"}).find("BINARY"), std::string::npos);
    EXPECT_EQ(meant<AnalyzeWish>({"analyze", "--pid", "12"}).pid, 12U);
    EXPECT_EQ(meant<AnalyzeWish>({"analyze", "server", "--pid", "12"}).binary, "server");
    EXPECT_FALSE(refused({"analyze", "--pid", "nobody"}).empty());
    EXPECT_FALSE(refused({"analyze", "server", "--all", "--function", "parse"}).empty());
    EXPECT_EQ(meant<AnalyzeWish>({"analyze", "server", "--assume", "no-throw", "--assume", "warm-malloc"}).assumed,
              (std::vector<std::string>{"no-throw", "warm-malloc"}));
    EXPECT_EQ(meant<AnalyzeWish>({"analyze", "server", "--callgraph-info", "obj"}).callgraph_info, "obj");
    EXPECT_NE(refused({"analyze", "server", "--assume", "luck"}).find("no-throw"), std::string::npos);
}

TEST(CommandLine, sizes_takes_several_traces_and_earlier_tables) {
    const auto sizes = meant<SizesWish>(
        {"sizes", "a.coro", "b.coro", "-o", "s.json", "--merge", "x.json", "--merge", "y.json"});
    EXPECT_EQ(sizes.traces, (std::vector<std::string>{"a.coro", "b.coro"}));
    EXPECT_EQ(sizes.previous_tables, (std::vector<std::string>{"x.json", "y.json"}));
    EXPECT_EQ(sizes.output, "s.json");
    EXPECT_EQ(meant<SizesWish>({"sizes", "a.coro", "--binary", "x", "--binary", "y"}).binaries, (std::vector<std::string>{"x", "y"}));
    EXPECT_TRUE(meant<SizesWish>({"sizes", "--compare", "a.coro", "b.coro"}).compare);
    EXPECT_NE(refused({"sizes", "--compare", "a.coro"}).find("two files"), std::string::npos);
    EXPECT_FALSE(refused({"sizes", "--compare", "a.coro", "b.coro", "-o", "s.json"}).empty());
}

TEST(CommandLine, a_query_has_a_trace_or_a_process_and_a_rule) {
    const auto query = meant<QueryWish>(
        {"query", "a.coro", "suspend and blocked_ns > 10ms", "--from", "1s", "--limit", "7", "--json"});
    EXPECT_EQ(query.file, "a.coro");
    EXPECT_EQ(query.rule, "suspend and blocked_ns > 10ms");
    EXPECT_EQ(query.from_ns, 1'000'000'000);
    EXPECT_EQ(query.limit, 7U);
    EXPECT_TRUE(query.json);
    const auto live = meant<QueryWish>({"query", "--pid", "12", "pool[small].free == 0"});
    EXPECT_EQ(live.pid, 12U);
    EXPECT_EQ(live.rule, "pool[small].free == 0");
    EXPECT_NE(refused({"query", "a.coro"}).find("a trace and a rule"), std::string::npos);
    EXPECT_NE(refused({"query", "--pid", "12", "a.coro", "exit"}).find("a trace and a rule"),
              std::string::npos);
    EXPECT_NE(refused({"query", "--pid", "12", "loss", "--when"}).find("go with a trace"), std::string::npos);
    EXPECT_NE(refused({"query", "a.coro", "loss", "--when", "--at", "1s"}).find("choose one"),
              std::string::npos);
}

TEST(CommandLine, help_is_an_answer) {
    EXPECT_NE(meant<HelpWish>({"--help"}).text.find("record"), std::string::npos);
    EXPECT_NE(meant<HelpWish>({"stacks", "--help"}).text.find("--at"), std::string::npos);
}

TEST(CommandLine, words_of_later_work_are_not_offered) {
    const std::string help = meant<HelpWish>({"--help"}).text;
    for (const char* word : {"why"})
        EXPECT_NE(refused({word}).find(std::string("no word '") + word), std::string::npos);
    EXPECT_EQ(help.find("\n  why"), std::string::npos);
}

TEST(CommandLine, wrong_lines_say_what_to_do) {
    EXPECT_NE(refused({"frobnicate"}).find("launch, attach, replay, record, compact, ls, stat"), std::string::npos);
    EXPECT_NE(refused({"--frobnicate"}).find("--help"), std::string::npos);
    EXPECT_NE(refused({"stat", "--frobnicate", "t.coro"}).find("--frobnicate"), std::string::npos);
    EXPECT_NE(refused({"stat"}).find("FILE | --pid PID"), std::string::npos);
    EXPECT_NE(refused({"stat", "t.coro", "--pid", "1"}).find("either"), std::string::npos);
    EXPECT_NE(refused({"stat", "a.coro", "b.coro"}).find("b.coro"), std::string::npos);
    EXPECT_NE(refused({"stat", "--pid", "abc"}).find("coroscope ls"), std::string::npos);
    EXPECT_NE(refused({"stat", "--pid"}).find("--pid"), std::string::npos);
    EXPECT_NE(refused({"stat", "--pid", "99999999999"}).find("99999999999"), std::string::npos);
    EXPECT_NE(refused({"stacks", "--at", "soon", "x.coro"}).find("soon"), std::string::npos);
    EXPECT_NE(refused({"stacks", "--at", "1s", "--pid", "1"}).find("--at"), std::string::npos);
    EXPECT_NE(refused({"stacks", "--agent-copies", "x.coro"}).find("--pid"), std::string::npos);
    EXPECT_NE(refused({"waits", "x.coro", "--json", "--dot"}).find("choose"), std::string::npos);
    EXPECT_NE(refused({"record"}).find("--output"), std::string::npos);
    EXPECT_NE(refused({"record", "-o", "t.coro"}).find("PROG"), std::string::npos);
    EXPECT_NE(refused({"record", "-o", "t.coro", "--pid", "1", "--", "demo"}).find("either"),
              std::string::npos);
    EXPECT_NE(refused({"record", "-o", "t.coro", "demo"}).find("-- demo"), std::string::npos);
    EXPECT_NE(refused({"launch"}).find("-- PROG"), std::string::npos);
    EXPECT_NE(refused({"launch", "--env", "=3", "--", "x"}).find("NAME=VALUE"), std::string::npos);
    EXPECT_NE(refused({"replay"}).find("FILE"), std::string::npos);
    EXPECT_NE(refused({"sizes", "-o", "s.json"}).find("FILE"), std::string::npos);
    EXPECT_NE(refused({"stat", "t.coro", "--", "demo"}).find("launch, record and top"), std::string::npos);
    EXPECT_NE(refused({"--offscreen", "stat", "t.coro"}).find("window"), std::string::npos);
    EXPECT_NE(refused({"--theme", "pink"}).find("dark"), std::string::npos);
    EXPECT_NE(refused({"--size", "big"}).find("WIDTHxHEIGHT"), std::string::npos);
}

TEST(Quantities, times_are_read_in_every_unit) {
    const std::pair<const char*, std::int64_t> expected[] = {
        {"1500ms", 1'500'000'000}, {"1.5s", 1'500'000'000},
        {"200us", 200'000},        {"42ns", 42},
        {"7", 7'000'000},          {"0", 0},
        {"2m", 120'000'000'000},   {"1min", 60'000'000'000}};
    for (const auto& [text, ns] : expected) {
        auto parsed = parse_duration_ns(text);
        ASSERT_TRUE(parsed.ok()) << text;
        EXPECT_EQ(*parsed, ns) << text;
    }
    for (const char* text :
         {"", "ms", "-1ms", "1 ms", "1e3s", "1.5.2s", "nan", "inf", "0x10", "999999999999999999999s", "1h"})
        EXPECT_FALSE(parse_duration_ns(text).ok()) << text;
}

TEST(Quantities, sizes_have_two_sides_within_bounds) {
    std::uint32_t width = 1, height = 2;
    EXPECT_TRUE(parse_size("1600x1000", &width, &height).ok());
    EXPECT_EQ(width, 1600U);
    EXPECT_EQ(height, 1000U);
    for (const char* text : {"", "x", "1600", "1600x", "x1000", "1600x1000x2", "0x10", "63x64", "99999x100",
                             "-1x5", "100X100", " 100x100"})
        EXPECT_FALSE(parse_size(text, &width, &height).ok()) << text;
    EXPECT_EQ(width, 1600U);
}

}  // namespace
}  // namespace coroscope::app
