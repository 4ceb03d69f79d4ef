// SPDX-License-Identifier: Apache-2.0
#include "core/checkpoint/foreign.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <system_error>

#include "core/base/ascii.h"
#include "core/base/units.h"

namespace deltascope {
namespace {

namespace fs = std::filesystem;
using namespace std::string_view_literals;

constexpr auto kConvert = "take the safetensors of the model, or convert it with transformers before version 5";
constexpr auto kOtherFile = "save or convert the weights as safetensors";
constexpr auto kGguf = "GGUF"sv;
constexpr auto kPage = "the download failed or needs a login (hf auth login); download the file again";

struct Magic {
  std::size_t at;
  std::string_view bytes;
  const char* what;
  const char* hint;
};
constexpr std::array kMagics{
    Magic{0, kGguf, "is a GGUF file (llama.cpp)", "let its name end in .gguf"},
    Magic{0, "lmgg"sv, "is a GGML file (old llama.cpp)", "take the safetensors of the model"},
    Magic{0, "tjgg"sv, "is a GGML file (old llama.cpp)", "take the safetensors of the model"},
    Magic{0, "\x93NUMPY"sv, "is a NumPy array", kOtherFile},
    Magic{0, "\x89HDF\r\n\x1a\n"sv, "is an HDF5 file (TensorFlow, Keras)", kConvert},
    Magic{0, "\x08\x03\x12"sv, "is an ONNX model", "take the safetensors of the model"},
    Magic{4, "TFL3"sv, "is a TensorFlow Lite model", "take the safetensors of the model"},
    Magic{0, "\x1f\x8b"sv, "is compressed with gzip", "unpack it first: gunzip"},
    Magic{0, "\x28\xb5\x2f\xfd"sv, "is compressed with zstd", "unpack it first: unzstd"},
    Magic{0,
          "\xfd"
          "7zXZ"sv,
          "is compressed with xz", "unpack it first: unxz"},
    Magic{0, "BZh"sv, "is compressed with bzip2", "unpack it first: bunzip2"},
    Magic{0, "7z\xbc\xaf\x27\x1c"sv, "is a 7-Zip archive", "unpack it first"},
    Magic{257, "ustar"sv, "is a tar archive", "unpack it first: tar xf"},
    Magic{0, "%PDF"sv, "is a PDF document", "download the file again"},
};

bool startsWithText(std::string_view text, std::string_view lower) {
  return text.size() >= lower.size() &&
         std::equal(lower.begin(), lower.end(), text.begin(), [](char l, char c) { return l == asciiLower(c); });
}

/// "size 4976698672" of a pointer.
std::optional<std::uint64_t> sizeInPointer(std::string_view text) {
  constexpr auto kSize = "\nsize "sv;
  const auto found = text.find(kSize);
  if (found == std::string_view::npos) return std::nullopt;
  std::uint64_t size = 0;
  const char* const begin = text.data() + found + kSize.size();
  const auto [end, error] = std::from_chars(begin, text.data() + text.size(), size);
  return error == std::errc{} && end != begin ? std::optional(size) : std::nullopt;
}

std::optional<ForeignFile> pointer(std::string_view text) {
  if (!text.starts_with("version https://git-lfs") && !text.starts_with("version https://hawser") &&
      !text.starts_with("# xet version"))
    return std::nullopt;
  const auto size = sizeInPointer(text);
  return ForeignFile{"is a Git LFS pointer, not the file itself" + (size ? " (" + formatCount(*size) + " bytes)" : ""),
                     "fetch the file with git lfs pull in its folder, or download it: hf download"};
}

std::optional<ForeignFile> page(std::string_view text, FileKind expected) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
  for (const auto tag : {"<!doctype html"sv, "<html"sv, "<head"sv, "<!--"sv})
    if (startsWithText(text, tag)) return ForeignFile{"is a web page (HTML text)", kPage};
  if (startsWithText(text, "<?xml") || startsWithText(text, "<error>")) return ForeignFile{"is XML text", kPage};
  if (expected == FileKind::Text) return std::nullopt;
  if (text.starts_with('{') || text.starts_with('['))
    return ForeignFile{"is JSON text: " + printable(text.substr(0, text.find('\n')), 80), kPage};
  const bool plain =
      text.size() >= 4 && std::all_of(text.begin(), text.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return (byte >= 0x20 && byte < 0xF8) || byte == '\n' || byte == '\r' || byte == '\t';  // UTF-8 has no more
      });
  if (!plain) return std::nullopt;
  return ForeignFile{"is text: " + printable(text.substr(0, text.find_first_of("\r\n")), 80), kPage};
}

/// A header's length, then its JSON.
bool isSafetensors(std::string_view head, std::uint64_t size) {
  if (head.size() < 10) return false;
  std::uint64_t length = 0;
  for (std::size_t i = 8; i-- > 0;) length = length << 8 | static_cast<unsigned char>(head[i]);
  return length >= 2 && length < size && head[8] == '{' && (head[9] == '"' || head[9] == '}');
}

std::optional<ForeignFile> container(std::string_view head, std::uint64_t size, FileKind expected) {
  for (const auto& magic : kMagics)
    if (head.size() >= magic.at && head.substr(magic.at).starts_with(magic.bytes)) return ForeignFile{magic.what, magic.hint};
  if (head.starts_with("PK\3\4")) {
    const bool numpy = head.substr(0, 200).find(".npy") != std::string_view::npos;
    const bool torch = head.substr(0, 300).find("data.pkl") != std::string_view::npos;
    if (numpy) return ForeignFile{"is an archive of NumPy arrays (.npz)", kOtherFile};
    if (expected == FileKind::Torch) return std::nullopt;
    if (torch) return ForeignFile{"is a file of torch.save", "let its name end in .bin, .pt or .pth"};
    return ForeignFile{"is a ZIP archive", "unpack it first"};
  }
  if (expected != FileKind::Torch && head.size() > 2 && head[0] == '\x80' && head[1] >= 2 && head[1] <= 5)
    return ForeignFile{"is a Python pickle", "let its name end in .bin, .pt or .pth where torch.save wrote it"};
  if (expected != FileKind::Safetensors && isSafetensors(head, size))
    return ForeignFile{"is a safetensors file", "let its name end in .safetensors"};
  return std::nullopt;
}

std::string_view textOf(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Result<std::vector<std::byte>> headOf(const RandomAccessFile& file) {
  std::vector<std::byte> head(static_cast<std::size_t>(std::min<std::uint64_t>(file.size(), kForeignHead)));
  DELTASCOPE_TRY(file.readAt(0, head));
  return head;
}

/// "org/name" where the path lies in a model's folder of the Hub's cache.
std::optional<std::string> hubIdOf(const fs::path& path) {
  constexpr auto kPrefix = "models--"sv;
  std::error_code ignored;
  for (const auto& part : fs::absolute(path, ignored).lexically_normal()) {
    auto name = part.string();
    if (!name.starts_with(kPrefix)) continue;
    name.erase(0, kPrefix.size());
    if (const auto dashes = name.find("--"); dashes != std::string::npos) name.replace(dashes, 2, "/");
    return name;
  }
  return std::nullopt;
}

}  // namespace

std::optional<ForeignFile> recognizeForeign(std::span<const std::byte> head, std::uint64_t size, FileKind expected) {
  if (size == 0) return ForeignFile{"is empty", "the download or the copy did not come to its end; download the file again"};
  const auto text = textOf(head);
  if (auto found = pointer(text)) return found;
  if (std::all_of(head.begin(), head.end(), [](std::byte b) { return b == std::byte{}; }))
    return ForeignFile{"holds zeros where it should begin",
                       "the download did not come to its end, or the disk lost it; "
                       "download the file again"};
  if (expected == FileKind::Gguf && text.starts_with(kGguf)) return std::nullopt;
  if (auto found = container(text, size, expected)) return found;
  return page(text, expected);
}

Error orForeign(Error error, const RandomAccessFile& file, FileKind expected) {
  if (error.code != ErrorCode::Corrupt && error.code != ErrorCode::Unsupported) return error;
  const auto head = headOf(file);
  if (!head) return error;
  auto foreign = recognizeForeign(*head, file.size(), expected);
  if (!foreign) return error;
  return {file.size() == 0 ? ErrorCode::Corrupt : ErrorCode::Unsupported, at({file.path(), {}, {}}, foreign->what),
          std::move(foreign->hint)};
}

bool isNamed(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(fs::symlink_status(path, ignored));
}

Result<RandomAccessFile> openModelFile(const fs::path& path) {
  auto file = RandomAccessFile::open(path);
  std::error_code ignored;
  if (file || file.error().code != ErrorCode::NotFound || !fs::is_symlink(fs::symlink_status(path, ignored))) return file;
  fs::path target = path;
  for (int links = 0; links < 40 && fs::is_symlink(fs::symlink_status(target, ignored)); ++links)
    target = target.parent_path() / fs::read_symlink(target, ignored);
  return fail(ErrorCode::NotFound,
              at({path, {}, {}}, "is a link to " + printable(target.lexically_normal().string()) + ", which is not there"),
              downloadAgain(path));
}

Result<std::string> readModelText(const fs::path& path, std::uint64_t limit) {
  DELTASCOPE_ASSIGN(const auto file, openModelFile(path));
  DELTASCOPE_ASSIGN(const auto head, headOf(file));
  if (auto foreign = recognizeForeign(head, file.size(), FileKind::Text))
    return fail(file.size() == 0 ? ErrorCode::Corrupt : ErrorCode::Unsupported, at({path, {}, {}}, foreign->what),
                std::move(foreign->hint));
  if (file.size() > limit)
    return fail(ErrorCode::Unsupported, at({path, {}, {}}, "is " + formatCount(file.size()) + " bytes, at most " +
                                                               formatCount(limit) + " are accepted here"));
  std::string text(static_cast<std::size_t>(file.size()), '\0');
  DELTASCOPE_TRY(file.readAt(0, std::as_writable_bytes(std::span(text))));
  return text;
}

std::optional<ForeignFile> foreignName(const fs::path& path) {
  struct Row {
    std::string_view ending;
    const char* what;
    const char* hint;
  };
  constexpr auto kTake = "take the safetensors of the model";
  constexpr std::array kRows{
      Row{".ggml", "GGML (old llama.cpp)", kTake},
      Row{".h5", "HDF5 (TensorFlow, Keras)", kConvert},
      Row{".keras", "Keras", kTake},
      Row{".msgpack", "Flax (msgpack)", kConvert},
      Row{".onnx", "ONNX", kTake},
      Row{".tflite", "TensorFlow Lite", kTake},
      Row{".npz", "NumPy", kOtherFile},
      Row{".npy", "NumPy", kOtherFile},
      Row{".ckpt.index", "TensorFlow", kConvert},
      Row{".distcp", "torch's distributed checkpoints",
          "gather them: python -m torch.distributed.checkpoint.format_utils dcp_to_torch"},
      Row{".nemo", "NeMo", kTake},
      Row{".engine", "TensorRT", kTake},
      Row{".mlpackage", "Core ML", kTake},
  };
  const auto name = path.filename().string();
  for (const auto& row : kRows)
    if (name.ends_with(row.ending)) return ForeignFile{row.what, row.hint};
  return std::nullopt;
}

std::string downloadAgain(const fs::path& path, const char* otherwise) {
  const auto id = hubIdOf(path);
  return id ? "download it again: hf download " + *id : otherwise;
}

}  // namespace deltascope
