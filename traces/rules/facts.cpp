// See facts.h.
#include "traces/rules/facts.h"

#include "instrumentation/wire/strings.h"

namespace coroscope::rules {

Names::Names(std::string_view strings, const std::vector<inspect::SiteImage>& sites,
             const std::vector<inspect::PoolImage>& pools)
    : strings_(strings) {
    sites_.reserve(sites.size());
    for (const inspect::SiteImage& site : sites) {
        Site row{site.function, site.name, "?"};
        std::string_view file;
        if (text(site.file, &file) && !file.empty())
            row.text = std::string(file) + ":" + std::to_string(site.line);
        sites_.push_back(std::move(row));
    }
    for (const inspect::PoolImage& pool : pools)
        classes_.push_back(static_cast<std::uint32_t>(pool.size_class));
}

bool Names::text(std::uint32_t string, std::string_view* text) const {
    const std::size_t start = std::size_t{string} + wire::kStringHeaderBytes;
    if (string == wire::kNone || start > strings_.size()) return false;
    const std::size_t length = std::size_t{static_cast<std::uint8_t>(strings_[string])} |
                               std::size_t{static_cast<std::uint8_t>(strings_[string + 1])} << 8;
    if (length > wire::kStringLengthMax || length > strings_.size() - start) return false;
    *text = strings_.substr(start, length);
    return true;
}

bool Names::coroutine(std::uint32_t name, std::uint32_t site, std::string_view* to) const {
    if (name != wire::kNone) return text(name, to);
    if (site >= sites_.size()) return false;
    if (sites_[site].name == wire::kNone || !text(sites_[site].name, to) || to->empty()) *to = "coroutine";
    return true;
}

bool Names::site(std::uint32_t site, std::string_view* to) const {
    if (site >= sites_.size()) return false;
    *to = sites_[site].text;
    return true;
}

bool Names::function(std::uint32_t site, std::string_view* to) const {
    return site < sites_.size() && text(sites_[site].function, to);
}

}  // namespace coroscope::rules
