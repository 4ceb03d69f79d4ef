// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// Everything the window remembers, in one table: key, type, default. UI thread only.
#include <QByteArray>
#include <QSettings>
#include <QString>
#include <QStringList>

namespace deltascope::ui {

template <class T>
struct Setting {
  const char* key;
  T fallback;
};

namespace setting {
inline const Setting<QByteArray> kGeometry{"window/geometry", {}};
inline const Setting<QByteArray> kWindowState{"window/state", {}};
inline const Setting<QString> kPage{"window/page", "start"};
inline const Setting<QByteArray> kJobsHeader{"window/jobsHeader", {}};
inline const Setting<QByteArray> kJobsSplitter{"window/jobsSplitter", {}};
inline const Setting<QString> kTheme{"look/theme", "system"};  ///< "light", "dark", "system"
inline const Setting<int> kZoom{"look/zoomPercent", 100};
inline const Setting<QStringList> kRecent{"files/recent", {}};
inline const Setting<QString> kOpenFolder{"files/openFolder", {}};
inline const Setting<QString> kSaveFolder{"files/saveFolder", {}};
inline const Setting<QString> kExportFolder{"files/exportFolder", {}};
inline const Setting<QByteArray> kPayloadSplitter{"payload/splitter", {}};
inline const Setting<QByteArray> kPayloadDetailSplitter{"payload/detailSplitter", {}};
inline const Setting<QByteArray> kPayloadHeader{"payload/header", {}};
inline const Setting<QString> kPayloadMetric{"payload/metric", "bits_per_weight"};
inline const Setting<bool> kPayloadRegex{"payload/regex", false};
inline const Setting<int> kPayloadDetailTab{"payload/detailTab", 0};
inline const Setting<QString> kPackForm{"pack/form", {}};          ///< the form's choices as JSON
inline const Setting<QString> kChatRun{"chat/run", {}};            ///< device, budget, …, as JSON
inline const Setting<QString> kChatSampling{"chat/sampling", {}};  ///< as JSON
inline const Setting<QString> kChatPresets{"chat/presets", {}};    ///< the user's own, as JSON
inline const Setting<QStringList> kChatPayloads{"chat/payloads", {}};
inline const Setting<int> kChatVariant{"chat/variant", 0};   ///< VariantKind
inline const Setting<int> kChatCompare{"chat/compare", -1};  ///< VariantKind; -1: one model
inline const Setting<QString> kChatConversation{"chat/conversation", {}};
inline const Setting<QByteArray> kChatSplitter{"chat/splitter", {}};
inline const Setting<int> kChatTab{"chat/tab", 0};
inline const Setting<bool> kChatList{"chat/list", true};
inline const Setting<bool> kChatPanel{"chat/panel", false};
inline const Setting<QString> kBenchForm{"benchmark/form", {}};  ///< what is measured, as JSON
inline const Setting<QByteArray> kBenchSplitter{"benchmark/splitter", {}};
inline const Setting<double> kCompareThreshold{"compare/thresholdPercent", 5};
inline const Setting<bool> kCompareDifferencesOnly{"compare/differencesOnly", false};
inline const Setting<QByteArray> kPackSplitter{"pack/splitter", {}};
inline const Setting<QString> kBenchBaseline{"benchmark/baseline", {}};  ///< a run's file name
inline const Setting<QByteArray> kBenchRunsHeader{"benchmark/runsHeader2", {}};
}  // namespace setting

class Settings {
 public:
  /// The user's settings, or those in `file` (an INI file).
  explicit Settings(const QString& file = {});

  template <class T>
  [[nodiscard]] T get(const Setting<T>& setting) const {
    return m_store.value(setting.key, QVariant::fromValue(setting.fallback)).template value<T>();
  }
  template <class T>
  void set(const Setting<T>& setting, const T& value) {
    m_store.setValue(setting.key, QVariant::fromValue(value));
  }
  template <class T>
  void remove(const Setting<T>& setting) {
    m_store.remove(setting.key);
  }
  void sync() { m_store.sync(); }

 private:
  QSettings m_store;
};

}  // namespace deltascope::ui
