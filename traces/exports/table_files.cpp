// Tables as text: a folder of CSV files, one JSON object.
#include "traces/exports/table_files.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <memory>

#include "instrumentation/base/file_descriptor.h"
#include "traces/exports/json_text.h"
#include "traces/exports/tables.h"

namespace coroscope::exports {
namespace {

std::string csv_text(std::string_view text) {
    if (text.find_first_of("\",\r\n") == std::string_view::npos) return std::string(text);
    std::string quoted = "\"";
    for (const char c : text)
        quoted += c == '"' ? "\"\"" : std::string(1, c);
    return quoted + '"';
}

class CsvSink final : public TableSink {
public:
    base::Status open(const std::string& folder) {
        if (mkdir(folder.c_str(), 0777) != 0 && errno != EEXIST)
            return base::error(base::ErrorCode::kIo,
                               "the folder '" + folder + "' cannot be made: " + base::errno_text(errno));
        for (const Table& table : tables()) {
            auto file = OutputFile::create(folder + "/" + table.name + ".csv");
            if (!file) return file.error();
            std::string line;
            for (const Column& column : table.columns)
                line += (line.empty() ? "" : ",") + std::string(column.name);
            file->write(line + "\r\n");
            files_.push_back(std::make_unique<OutputFile>(std::move(*file)));
        }
        return base::ok_status();
    }
    void row(TableName table, std::span<const Value> values) override {
        line_.clear();
        for (const Value& value : values) {
            if (&value != values.data()) line_ += ',';
            if (const auto* whole = std::get_if<std::int64_t>(&value)) line_ += std::to_string(*whole);
            if (const auto* real = std::get_if<double>(&value)) line_ += fmt::format("{}", *real);
            if (const auto* text = std::get_if<std::string_view>(&value)) line_ += csv_text(*text);
        }
        files_[static_cast<std::size_t>(table)]->write(line_ + "\r\n");
    }
    base::Status finish() {
        for (const auto& file : files_) {
            if (auto status = file->finish(); !status) return status;
        }
        return base::ok_status();
    }

private:
    std::vector<std::unique_ptr<OutputFile>> files_;
    std::string line_;
};

// Tables stand one after the other in the object, and their rows come in turns: each waits in a file of its own.
class JsonSink final : public TableSink {
public:
    JsonSink() {
        for (const Table& table : tables()) {
            for (const Column& column : table.columns)
                keys_[parts_].push_back(json_text(column.name) + ": ");
            spools_[parts_++] = std::make_unique<SpoolFile>();
        }
    }
    void row(TableName table, std::span<const Value> values) override {
        const auto at = static_cast<std::size_t>(table);
        line_ = rows_[at]++ == 0 ? "\n{" : ",\n{";
        for (std::size_t i = 0; i < values.size(); ++i) {
            if (i != 0) line_ += ", ";
            line_ += keys_[at][i];
            if (const auto* whole = std::get_if<std::int64_t>(&values[i]))
                line_ += std::to_string(*whole);
            else if (const auto* real = std::get_if<double>(&values[i]))
                line_ += fmt::format("{}", *real);
            else if (const auto* text = std::get_if<std::string_view>(&values[i]))
                line_ += json_text(*text);
            else
                line_ += "null";
        }
        spools_[at]->write(line_ + "}");
    }
    base::Status finish(OutputFile& output) {
        for (std::size_t i = 0; i < kTablesCount; ++i) {
            output.write(fmt::format("{}\"{}\": [", i == 0 ? "{" : ",\n", tables()[i].name));
            if (auto status = spools_[i]->copy_to(output); !status) return status;
            output.write("]");
        }
        output.write("}\n");
        return output.finish();
    }

private:
    std::array<std::vector<std::string>, kTablesCount> keys_;
    std::array<std::unique_ptr<SpoolFile>, kTablesCount> spools_;
    std::array<std::uint64_t, kTablesCount> rows_{};
    std::size_t parts_ = 0;
    std::string line_;
};

}  // namespace

base::Status write_csv(analyses::TraceWalk& walk, const std::string& folder) {
    CsvSink sink;
    if (auto status = sink.open(folder); !status) return status;
    tell_tables(walk, sink);
    return sink.finish();
}

base::Status write_json(analyses::TraceWalk& walk, OutputFile& output) {
    JsonSink sink;
    tell_tables(walk, sink);
    return sink.finish(output);
}

}  // namespace coroscope::exports
