// Tables as a SQLite database. One transaction without a journal into a file beside its place, which is renamed when it is whole.
#include <fmt/format.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "instrumentation/base/file_descriptor.h"
#include "traces/exports/table_files.h"
#include "traces/exports/tables.h"

namespace coroscope::exports {
namespace {

const char* type_name(ColumnType type) {
    switch (type) {
        case ColumnType::kInteger:
            return "INTEGER";
        case ColumnType::kReal:
            return "REAL";
        case ColumnType::kText:
            return "TEXT";
    }
    return "ANY";
}

constexpr const char* kAfterwards = R"(
CREATE INDEX spans_by_coroutine ON spans(coroutine, begin_ns);
CREATE INDEX wakes_by_coroutine ON wakes(coroutine, at_ns);
CREATE INDEX messages_by_coroutine ON messages(coroutine, at_ns);
CREATE INDEX zones_by_coroutine ON zones(coroutine, begin_ns);
CREATE INDEX coroutines_by_site ON coroutines(site);
CREATE VIEW by_site AS
  SELECT sites.place, coalesce(sites.name, '') AS name, count(*) AS coroutines, sum(running_ns) AS running_ns, sum(ready_ns) AS ready_ns,
         sum(blocked_ns) AS blocked_ns, sum(unknown_ns) AS unknown_ns, sum(runs) AS runs, sum(waits) AS waits
  FROM coroutines LEFT JOIN sites USING (site) GROUP BY site;
COMMIT;
)";

class SqliteSink final : public TableSink {
public:
    explicit SqliteSink(std::string path)
        : path_(std::move(path)), beside_(path_ + ".part-" + std::to_string(getpid())) {}
    SqliteSink(const SqliteSink&) = delete;
    SqliteSink& operator=(const SqliteSink&) = delete;
    ~SqliteSink() override {
        close();
        std::remove(beside_.c_str());
    }

    base::Status open() {
        std::remove(beside_.c_str());
        constexpr int kFlags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
        if (sqlite3_open_v2(beside_.c_str(), &database_, kFlags, nullptr) != SQLITE_OK) note_problem();
        execute("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN;");
        for (std::size_t t = 0; t < kTablesCount; ++t) {
            const Table& table = tables()[t];
            std::string create = fmt::format("CREATE TABLE {} (\n", table.name);
            std::string marks;
            for (std::size_t c = 0; c < table.columns.size(); ++c) {
                const Column& column = table.columns[c];
                const bool last = c + 1 == table.columns.size();
                create += fmt::format("  \"{}\" {}{}{}{}\n", column.name, type_name(column.type),
                                      last ? "" : ",", *column.meaning == '\0' ? "" : "  -- ", column.meaning);
                marks += c == 0 ? "?" : ",?";
            }
            execute(create + ") STRICT");
            const std::string insert = fmt::format("INSERT INTO {} VALUES ({})", table.name, marks);
            if (problem_.empty() &&
                sqlite3_prepare_v2(database_, insert.c_str(), -1, &inserts_[t], nullptr) != SQLITE_OK)
                note_problem();
        }
        return status();
    }

    void row(TableName table, std::span<const Value> values) override {
        if (!problem_.empty()) return;
        sqlite3_stmt* insert = inserts_[static_cast<std::size_t>(table)];
        for (std::size_t i = 0; i < values.size(); ++i) {
            const int at = static_cast<int>(i) + 1;
            if (const auto* whole = std::get_if<std::int64_t>(&values[i]))
                sqlite3_bind_int64(insert, at, *whole);
            else if (const auto* real = std::get_if<double>(&values[i]))
                sqlite3_bind_double(insert, at, *real);
            else if (const auto* text = std::get_if<std::string_view>(&values[i]))
                sqlite3_bind_text(insert, at, text->data(), static_cast<int>(text->size()), SQLITE_STATIC);
            else
                sqlite3_bind_null(insert, at);
        }
        if (sqlite3_step(insert) != SQLITE_DONE) note_problem();
        sqlite3_reset(insert);
    }

    base::Status finish() {
        execute(kAfterwards);
        close();
        if (problem_.empty() && std::rename(beside_.c_str(), path_.c_str()) != 0)
            problem_ = base::errno_text(errno);
        return status();
    }

private:
    void note_problem() {
        if (problem_.empty()) problem_ = database_ != nullptr ? sqlite3_errmsg(database_) : "no memory";
    }
    void execute(const std::string& sql) {
        if (problem_.empty() && sqlite3_exec(database_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
            note_problem();
    }
    void close() {
        for (sqlite3_stmt*& insert : inserts_)
            sqlite3_finalize(std::exchange(insert, nullptr));
        if (sqlite3_close(std::exchange(database_, nullptr)) != SQLITE_OK && problem_.empty())
            problem_ = "it could not be closed";
    }
    base::Status status() const {
        if (problem_.empty()) return base::ok_status();
        return base::error(base::ErrorCode::kIo, "'" + path_ + "' cannot be written: " + problem_);
    }

    const std::string path_, beside_;
    sqlite3* database_ = nullptr;
    std::array<sqlite3_stmt*, kTablesCount> inserts_{};
    std::string problem_;
};

}  // namespace

base::Status write_sqlite(analyses::TraceWalk& walk, const std::string& path) {
    SqliteSink sink(path);
    if (auto status = sink.open(); !status) return status;
    tell_tables(walk, sink);
    return sink.finish();
}

}  // namespace coroscope::exports
