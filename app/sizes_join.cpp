#include "app/sizes_join.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "instrumentation/bounds/spawn_sites.h"
#include "instrumentation/inspect/elf_file.h"

namespace coroscope::app {
namespace {

using traces::SizeBuild;

std::string short_id(const std::string& build_id) {
    return build_id.empty() ? std::string("without a build-id") : "build " + build_id.substr(0, 8);
}

std::vector<std::string> names_of(const bounds::Program& program, const std::vector<bounds::NodeId>& path) {
    std::vector<std::string> names;
    names.reserve(path.size());
    for (const bounds::NodeId node : path)
        names.push_back(program.name(node));
    return names;
}

// Where each function of a path goes on to the next; the last one stands at `last`.
std::vector<traces::SizePlace> places_of(const bounds::Program& program, const std::vector<bounds::NodeId>& path, std::uint64_t last) {
    std::vector<traces::SizePlace> places;
    places.reserve(path.size());
    for (std::size_t i = 0; i < path.size(); ++i)
        places.push_back({program.path_of(path[i]), i + 1 < path.size() ? program.call_between(path[i], path[i + 1]) : last});
    return places;
}

traces::SizeProof proof_of(bounds::Program& program, const bounds::SpawnSite& site) {
    const bounds::Bound& bound = program.bound(site.entry);
    traces::SizeProof proof;
    proof.symbol = site.function;
    proof.proven = bound.proven;
    proof.recursion = bound.recursive;
    if (bound.proven) {
        proof.bound_bytes = bounds::stack_bytes(program, site);
        proof.call_depth = bound.calls_deep;
        const std::vector<bounds::NodeId> deepest = program.deepest_path(site.entry);
        proof.path = names_of(program, deepest);
        proof.places = places_of(program, deepest, program.function(deepest.back()).low);
        for (std::string& assumption : program.assumptions_under(site.entry))
            proof.assumptions.insert(std::move(assumption));
        for (const bounds::Contract* contract : program.contracts_under(site.entry))
            proof.contracts.insert(fmt::format("{} takes at most {} bytes: {}", contract->name, contract->depth, contract->evidence));
        return proof;
    }
    for (const bounds::Finding& finding : program.findings(site.entry)) {
        const bounds::NodeId where = finding.path.back();
        proof.reasons.insert({names_of(program, finding.path),
                              program.name(where) + " " +
                                  bounds::Program::sentence(finding.reason, bounds::readable(finding.reason.callee)),
                              program.path_of(where), finding.reason.address, places_of(program, finding.path, finding.reason.address)});
        while (proof.reasons.size() > traces::kSizeReasonsMax)
            proof.reasons.erase(std::prev(proof.reasons.end()));
    }
    return proof;
}

// Builds of which a binary with this build-id is; an id stands for the same code whatever the file is called.
std::vector<SizeBuild> builds_with(const traces::SizeRows& rows, const std::string& build_id) {
    std::vector<SizeBuild> found;
    for (const auto& [build, unused] : rows.builds()) {
        if (!build_id.empty() && build.build_id == build_id) found.push_back(build);
    }
    return found;
}

// Which builds of the files the places of the proofs are in.
void note_files(traces::SizeBuildRows& found) {
    std::set<std::string> paths;
    for (const auto& [site, proof] : found.proofs) {
        for (const traces::SizePlace& place : proof.places)
            paths.insert(place.binary);
        for (const traces::SizeReason& reason : proof.reasons) {
            for (const traces::SizePlace& place : reason.places)
                paths.insert(place.binary);
        }
    }
    for (const std::string& path : paths) {
        if (auto file = inspect::ElfFile::open(path)) found.proven_from.emplace(path, (*file)->build_id());
    }
}

// Why there is no proof; "" = `found` has it.
std::string prove(traces::SizeBuildRows& found, const std::string& path) {
    auto program = bounds::Program::open(path);
    if (!program) return "no proof from " + path + ": " + program.error().message;
    bounds::Program& opened = **program;
    if (opened.functions_count() == 0)
        return fmt::format("no proof from {}: it has no function symbols; name the binary from before it was stripped with --binary", path);
    const std::vector<bounds::SpawnSite> sites = bounds::spawn_sites(opened);
    if (sites.empty()) return fmt::format("no proof from {}: it spawns no coroutines of CPrime", path);
    for (const bounds::SpawnSite& site : sites) {
        if (site.line == 0) continue;  // nothing calls it by a name
        const traces::SizeProof proof = proof_of(opened, site);
        const auto [place, fresh] = found.proofs.try_emplace(fmt::format("{}:{}", site.file, site.line), proof);
        if (!fresh) place->second.merge(proof);
        found.assumptions.insert(proof.assumptions.begin(), proof.assumptions.end());
    }
    note_files(found);
    return {};
}

}  // namespace

std::string ProvenBinaries::add_to(traces::SizeRows& rows, const std::vector<SizeBuild>& builds, const std::string& path,
                                   const std::string& build_id) {
    const std::lock_guard lock(lock_);
    const auto [proven, fresh] = by_build_id_.try_emplace(build_id);
    if (fresh) proven->second.problem = prove(proven->second.rows, path);
    if (!proven->second.problem.empty()) return proven->second.problem;
    for (const SizeBuild& build : builds)
        rows.build(build).merge(proven->second.rows);
    return {};
}

base::Result<std::vector<std::string>> add_proofs(traces::SizeRows& rows, const std::vector<std::string>& binaries, ProvenBinaries& proven) {
    std::vector<std::string> sentences;
    std::set<std::string> done;  // build-ids
    const auto try_binary = [&](const std::string& path, const inspect::ElfFile& file, const std::string& told_id) {
        const std::vector<SizeBuild> builds = builds_with(rows, file.build_id());
        if (builds.empty()) {
            sentences.push_back(fmt::format("no proof from {}: it is another build ({}) than ran ({}); name the binary that ran with --binary",
                                            path, short_id(file.build_id()), told_id));
            return;
        }
        if (!done.insert(file.build_id()).second) return;
        if (const std::string why = proven.add_to(rows, builds, path, file.build_id()); !why.empty()) sentences.push_back(why);
    };
    for (const std::string& path : binaries) {
        auto file = inspect::ElfFile::open(path);
        if (!file) return file.error();
        std::string ran;
        for (const auto& [build, unused] : rows.builds())
            ran += (ran.empty() ? "" : ", ") + short_id(build.build_id);
        try_binary(path, **file, ran);
    }
    const auto places = rows.binaries();
    for (const auto& [build, paths] : places) {
        if (done.contains(build.build_id)) continue;
        for (const std::string& path : paths) {
            auto file = inspect::ElfFile::open(path);
            if (file) {
                try_binary(path, **file, short_id(build.build_id));
            } else {
                sentences.push_back(fmt::format("no proof for {}: {} cannot be opened; name the binary that ran with --binary", build.program, path));
            }
        }
    }
    return sentences;
}

}  // namespace coroscope::app
