// How proofs of one site join.
#include "traces/size_proof.h"

#include <algorithm>
#include <iterator>
#include <tuple>

namespace coroscope::traces {

std::strong_ordering SizeReason::operator<=>(const SizeReason& other) const {
    if (const auto by_length = path.size() <=> other.path.size(); by_length != 0) return by_length;
    return std::tie(text, path, binary, address, places) <=> std::tie(other.text, other.path, other.binary, other.address, other.places);
}

void SizeProof::merge(const SizeProof& other) {
    const auto rank = [](const SizeProof& proof) {
        return std::tie(proof.bound_bytes, proof.call_depth, proof.path, proof.places);
    };
    symbol = std::max(symbol, other.symbol);
    recursion = recursion || other.recursion;
    proven = proven && other.proven;
    if (rank(*this) < rank(other)) {
        path = other.path;
        places = other.places;
        call_depth = other.call_depth;
        bound_bytes = other.bound_bytes;
    }
    if (!proven) {
        bound_bytes = call_depth = 0;
        path.clear();
        places.clear();
    }
    contracts.insert(other.contracts.begin(), other.contracts.end());
    assumptions.insert(other.assumptions.begin(), other.assumptions.end());
    reasons.insert(other.reasons.begin(), other.reasons.end());
    while (reasons.size() > kSizeReasonsMax)
        reasons.erase(std::prev(reasons.end()));
}

}  // namespace coroscope::traces
