// lz4, zstd and XXH3 behind one face.
#include "traces/packing.h"

#include <algorithm>
#include <cstring>

#include <lz4.h>
#include <xxhash.h>
#include <zstd.h>

namespace coroscope::traces {
namespace {

constexpr int kZstdLevel = 1;  // above 3 nothing is gained on such data

// Bytes written behind `at` of `to`; 0 = it did not work.
std::size_t pack_lz4(std::span<const std::uint8_t> from, std::vector<std::uint8_t>& to, std::size_t at) {
    if (from.size() > LZ4_MAX_INPUT_SIZE) return 0;
    const int room = LZ4_compressBound(static_cast<int>(from.size()));
    to.resize(at + static_cast<std::size_t>(room));
    const int written = LZ4_compress_default(reinterpret_cast<const char*>(from.data()),
                                             reinterpret_cast<char*>(to.data() + at),
                                             static_cast<int>(from.size()), room);
    return written > 0 ? static_cast<std::size_t>(written) : 0;
}

std::size_t pack_zstd(std::span<const std::uint8_t> from, std::vector<std::uint8_t>& to, std::size_t at) {
    to.resize(at + ZSTD_compressBound(from.size()));
    const std::size_t written = ZSTD_compress(to.data() + at, to.size() - at, from.data(), from.size(),
                                              kZstdLevel);
    return ZSTD_isError(written) != 0 ? 0 : written;
}

bool believable(std::uint64_t unpacked_bytes, std::uint64_t stored_bytes) {
    return unpacked_bytes <= kPayloadBytesMax &&
           unpacked_bytes / kCompressionRatioMax <=
               stored_bytes + kCompressionSlackBytes / kCompressionRatioMax;
}

base::Error broken() {
    return base::error(base::ErrorCode::kCorrupt, "a chunk does not unpack to the length it claims");
}

}  // namespace

Compression pack_onto(std::vector<std::uint8_t>& to, std::span<const std::uint8_t> bytes, Compression wish) {
    const std::size_t at = to.size();
    std::size_t written = 0;
    if (wish == Compression::kZstd) {
        written = pack_zstd(bytes, to, at);
        // A hundred thousand stacks that are all alike; lz4 makes at most 255 bytes of one.
        if (written > 0 && !believable(bytes.size(), written)) wish = Compression::kLz4;
    }
    if (wish == Compression::kLz4) written = pack_lz4(bytes, to, at);
    if (written == 0 || written >= bytes.size()) {
        to.resize(at);
        to.insert(to.end(), bytes.begin(), bytes.end());
        return Compression::kNone;
    }
    to.resize(at + written);
    return wish;
}

Packed pack(std::vector<std::uint8_t> bytes, Compression wish) {
    Packed packed;
    if (wish != Compression::kNone) packed.compression = pack_onto(packed.bytes, bytes, wish);
    if (packed.compression == Compression::kNone) packed.bytes = std::move(bytes);
    return packed;
}

base::Status unpack_into(Compression compression, std::span<const std::uint8_t> stored,
                         std::span<std::uint8_t> to) {
    switch (compression) {
        case Compression::kNone:
            if (stored.size() != to.size()) return broken();
            std::copy(stored.begin(), stored.end(), to.begin());
            return base::ok_status();
        case Compression::kLz4: {
            if (stored.size() > LZ4_MAX_INPUT_SIZE || to.size() > LZ4_MAX_INPUT_SIZE) return broken();
            const int written = LZ4_decompress_safe(
                reinterpret_cast<const char*>(stored.data()), reinterpret_cast<char*>(to.data()),
                static_cast<int>(stored.size()), static_cast<int>(to.size()));
            if (written < 0 || static_cast<std::size_t>(written) != to.size()) return broken();
            return base::ok_status();
        }
        case Compression::kZstd: {
            const std::size_t written = ZSTD_decompress(to.data(), to.size(), stored.data(), stored.size());
            if (ZSTD_isError(written) != 0 || written != to.size()) return broken();
            return base::ok_status();
        }
    }
    return base::error(base::ErrorCode::kCorrupt,
                       "a chunk is compressed in a way that this version does not know");
}

base::Result<std::vector<std::uint8_t>> unpack(Compression compression, std::uint64_t unpacked_bytes,
                                               std::span<const std::uint8_t> stored) {
    if (!believable(unpacked_bytes, stored.size())) return broken();
    std::vector<std::uint8_t> bytes(unpacked_bytes);
    const base::Status unpacked = unpack_into(compression, stored, bytes);
    if (!unpacked.ok()) return unpacked.error();
    return bytes;
}

std::uint64_t checksum(const void* bytes, std::size_t count) {
    return XXH3_64bits(bytes, count);
}

std::uint64_t header_checksum(const ChunkHeader& header, std::span<const TypeCount> counts,
                              std::span<const std::uint16_t> buckets, std::uint64_t seed) {
    constexpr std::size_t kHeader = offsetof(ChunkHeader, header_hash);
    constexpr std::size_t kBytesMax = kHeader + wire::kEventTypesMax * sizeof(TypeCount) + kTimeBuckets * 2;
    std::uint8_t bytes[kBytesMax];
    CHECK(kHeader + counts.size_bytes() + buckets.size_bytes() <= kBytesMax);
    std::memcpy(bytes, &header, kHeader);
    std::size_t at = kHeader;
    if (!counts.empty()) std::memcpy(bytes + at, counts.data(), counts.size_bytes());
    at += counts.size_bytes();
    if (!buckets.empty()) std::memcpy(bytes + at, buckets.data(), buckets.size_bytes());
    return XXH3_64bits_withSeed(bytes, at + buckets.size_bytes(), seed);
}

const char* chunk_type_name(ChunkType type) {
    switch (type) {
        case ChunkType::kNothing:
            return "nothing";
        case ChunkType::kMeta:
            return "meta";
        case ChunkType::kEvents:
            return "events";
        case ChunkType::kKeyframe:
            return "keyframe";
        case ChunkType::kStrings:
            return "strings";
        case ChunkType::kStackTable:
            return "stack-table";
        case ChunkType::kStacks:
            return "stacks";
        case ChunkType::kModules:
            return "modules";
        case ChunkType::kSymbols:
            return "symbols";
        case ChunkType::kCounts:
            return "counts";
        case ChunkType::kEnd:
            return "end";
        case ChunkType::kFooter:
            return "footer";
        case ChunkType::kKeyframeDelta:
            return "keyframe-delta";
        case ChunkType::kStacksDelta:
            return "stacks-delta";
    }
    return "?";
}

}  // namespace coroscope::traces
