// See size_look.h.
#include "views/size_look.h"

#include <filesystem>
#include <utility>

#include <nlohmann/json.hpp>

#include "traces/trace_reader.h"

namespace coroscope::views {
namespace {

SizeTable finished(const traces::SizeRows& rows, std::string name, std::vector<std::string> doubts) {
    SizeTable table = read_size_table(rows.to_json(), rows.bytes(), std::move(name));
    table.doubts = std::move(doubts);
    return table;
}

SizeTable failed(const base::Error& error, std::string name) {
    SizeTable table = read_size_table({{"sites", nlohmann::json::array()}}, traces::ClassBytes::of({}),
                                      std::move(name));
    table.problem = error.message;
    return table;
}

}  // namespace

SizeTable size_table_of_session(const traces::SessionInfo& info,
                                const std::shared_ptr<const traces::Replay>& replay,
                                const traces::Moment& moment, const SizeProver& prove,
                                const traces::Search& search) {
    traces::SizeRows rows;
    std::vector<std::string> doubts;
    if (replay == nullptr) {
        rows.add_alive(moment.state);
    } else {
        const traces::TraceReader* reader = &replay->reader();
        const auto newer = reader->newer();
        if (newer.ok() && *newer != nullptr) reader = newer->get();
        if (auto added = rows.add_trace(*reader, &search); !added) return failed(added.error(), info.title);
        if (prove && search.wanted()) doubts = prove(rows);
    }
    // A recorded run is shown as `coroscope sizes` reads it.
    if (info.kind != traces::SessionKind::kRecorded) rows.add_sites(moment.state);
    return finished(rows, info.title, std::move(doubts));
}

SizeTable size_table_of_file(const std::string& path, const SizeProver& prove, const traces::Search& search) {
    const std::filesystem::path file(path);
    traces::SizeRows rows;
    base::Status added = base::ok_status();
    if (file.extension() == ".json") {
        added = rows.add_table(path);
    } else if (auto reader = traces::TraceReader::open(path); !reader) {
        added = reader.error();
    } else {
        added = rows.add_trace(**reader, &search);
    }
    if (!added) return failed(added.error(), file.filename().string());
    std::vector<std::string> doubts;
    if (prove && search.wanted()) doubts = prove(rows);
    return finished(rows, file.filename().string(), std::move(doubts));
}

}  // namespace coroscope::views
