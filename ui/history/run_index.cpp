// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/history/run_index.h"

#include <QFile>
#include <QFileInfo>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QSqlDatabase>
#include <QSqlError>
#include <QSqlQuery>
#include <QVariant>
#include <atomic>

namespace deltascope::ui {
namespace {

constexpr const char* kColumns =
    "file, size, modified, name, notes, created, state, model, fingerprint, device, settings, verdict, sentence, rows, "
    "figures, "
    "conditions, passed";
constexpr int kColumnCount = 17;

/// A connection that is gone when this is; queries over it must be gone before.
class Connection {
 public:
  Connection(const QString& path, const QString& driver) {
    static std::atomic<std::uint64_t> last{0};
    m_name = QStringLiteral("deltascope-runs-%1").arg(++last);
    database = QSqlDatabase::addDatabase(driver, m_name);
    database.setDatabaseName(path);
    database.setConnectOptions(QStringLiteral("QSQLITE_BUSY_TIMEOUT=2000"));
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() {
    database.close();
    database = QSqlDatabase();
    QSqlDatabase::removeDatabase(m_name);
  }
  QSqlDatabase database;

 private:
  QString m_name;
};

tl::unexpected<Error> failure(const QString& path, const QSqlError& error) {
  const QString code = error.nativeErrorCode();
  const bool damaged = code == u"11" || code == u"26";  // SQLITE_CORRUPT, SQLITE_NOTADB
  const bool full = code == u"13";                      // SQLITE_FULL
  return fail(damaged ? ErrorCode::Corrupt : (full ? ErrorCode::DiskFull : ErrorCode::Io),
              at({path.toStdString(), {}, {}}, error.text().trimmed().toStdString()));
}

Result<void> run(QSqlQuery& query, const QString& path, const QString& sql) {
  if (!query.exec(sql)) return failure(path, query.lastError());
  return {};
}

Result<int> schemaOf(QSqlQuery& query, const QString& path) {
  DELTASCOPE_TRY(run(query, path, QStringLiteral("PRAGMA user_version")));
  const int version = query.next() ? query.value(0).toInt() : 0;
  query.finish();
  return version;
}

/// {"mode": …, "latency_ms": [value, spread], …}.
QString toText(const RunFigures& figures) {
  QJsonObject object{{"mode", QString::fromStdString(figures.mode)},
                     {"generation_mode", QString::fromStdString(figures.generationMode)}};
  for (const RunFigure& figure : runFigureTable())
    if (const FigureValue& value = figures[figure.id]; value.value)
      object[QLatin1String(figure.key.data(), static_cast<qsizetype>(figure.key.size()))] =
          QJsonArray{*value.value, value.spread};
  return QString::fromUtf8(QJsonDocument(object).toJson(QJsonDocument::Compact));
}

RunFigures figuresFrom(const QString& text) {
  const QJsonObject object = QJsonDocument::fromJson(text.toUtf8()).object();
  RunFigures figures;
  figures.mode = object["mode"].toString().toStdString();
  figures.generationMode = object["generation_mode"].toString().toStdString();
  for (const RunFigure& figure : runFigureTable()) {
    const QJsonArray value = object[QLatin1String(figure.key.data(), static_cast<qsizetype>(figure.key.size()))].toArray();
    if (value.size() == 2) figures.at(figure.id) = {value[0].toDouble(), value[1].toDouble()};
  }
  return figures;
}

QString toText(const std::vector<RunCondition>& conditions) {
  QJsonArray list;
  for (const RunCondition& c : conditions)
    list.append(QJsonArray{QString::fromStdString(c.name), QString::fromStdString(c.value), QString::fromStdString(c.shown)});
  return QString::fromUtf8(QJsonDocument(list).toJson(QJsonDocument::Compact));
}

std::vector<RunCondition> conditionsFrom(const QString& text) {
  std::vector<RunCondition> conditions;
  const QJsonArray list = QJsonDocument::fromJson(text.toUtf8()).array();
  for (const QJsonValue& one : list) {
    const QJsonArray parts = one.toArray();
    conditions.push_back(
        {parts.at(0).toString().toStdString(), parts.at(1).toString().toStdString(), parts.at(2).toString().toStdString()});
  }
  return conditions;
}

IndexedRun runOf(const QSqlQuery& query) {
  IndexedRun run;
  RunEntry& e = run.entry;
  int column = 0;
  const auto text = [&] { return query.value(column++).toString(); };
  const auto whole = [&] { return query.value(column++).toLongLong(); };
  e.file = text();
  run.stamp.size = whole();
  run.stamp.modified = whole();
  for (QString* field : {&e.name, &e.notes, &e.created, &e.state, &e.model, &e.modelFingerprint, &e.device, &e.settings,
                         &e.verdict, &e.sentence})
    *field = text();
  e.rows = static_cast<std::uint64_t>(whole());
  e.figures = figuresFrom(text());
  e.conditions = conditionsFrom(text());
  e.passed = whole() != 0;
  return run;
}

QVariantList valuesOf(const IndexedRun& run) {
  const RunEntry& e = run.entry;
  return {e.file,
          qlonglong{run.stamp.size},
          qlonglong{run.stamp.modified},
          e.name,
          e.notes,
          e.created,
          e.state,
          e.model,
          e.modelFingerprint,
          e.device,
          e.settings,
          e.verdict,
          e.sentence,
          static_cast<qlonglong>(e.rows),
          toText(e.figures),
          toText(e.conditions),
          e.passed ? 1 : 0};
}

Result<void> makeTable(QSqlQuery& query, const QString& path) {
  DELTASCOPE_TRY(run(query, path,
                     QStringLiteral("CREATE TABLE IF NOT EXISTS run (file TEXT PRIMARY KEY, size INTEGER, modified INTEGER, "
                                    "name TEXT, notes TEXT, created TEXT, state TEXT, model TEXT, fingerprint TEXT, device "
                                    "TEXT, settings TEXT, verdict TEXT, sentence TEXT, rows INTEGER, figures TEXT, conditions "
                                    "TEXT, passed INTEGER)")));
  return run(query, path, QStringLiteral("PRAGMA user_version = %1").arg(RunIndex::kSchema));
}

Result<void> write(QSqlQuery& query, const QString& path, const std::vector<IndexedRun>& put, const QStringList& remove) {
  DELTASCOPE_TRY(makeTable(query, path));
  if (!query.prepare(QStringLiteral("DELETE FROM run WHERE file = ?"))) return failure(path, query.lastError());
  for (const QString& file : remove) {
    query.bindValue(0, file);
    if (!query.exec()) return failure(path, query.lastError());
  }
  const QString places = QStringLiteral("?, ").repeated(kColumnCount).chopped(2);
  if (!query.prepare(QStringLiteral("INSERT OR REPLACE INTO run (%1) VALUES (%2)").arg(QLatin1String(kColumns), places)))
    return failure(path, query.lastError());
  for (const IndexedRun& one : put) {
    const QVariantList values = valuesOf(one);
    for (int i = 0; i < kColumnCount; ++i) query.bindValue(i, values[i]);
    if (!query.exec()) return failure(path, query.lastError());
  }
  return {};
}

}  // namespace

RunIndex::RunIndex(QString path, QString driver) : m_path(std::move(path)), m_driver(std::move(driver)) {}

Result<std::vector<IndexedRun>> RunIndex::load() const {
  if (!QSqlDatabase::isDriverAvailable(m_driver))
    return fail(ErrorCode::Unsupported, "Qt's driver " + m_driver.toStdString() + " is not installed");
  if (!QFileInfo::exists(m_path)) return fail(ErrorCode::NotFound, at({m_path.toStdString(), {}, {}}, "is not there"));
  Connection connection(m_path, m_driver);
  if (!connection.database.open()) return failure(m_path, connection.database.lastError());
  QSqlQuery query(connection.database);
  query.setForwardOnly(true);
  DELTASCOPE_ASSIGN(const int schema, schemaOf(query, m_path));
  if (schema != kSchema)
    return fail(schema == 0 ? ErrorCode::Corrupt : ErrorCode::Mismatch,
                at({m_path.toStdString(), {}, {}}, "is of schema " + std::to_string(schema)));
  DELTASCOPE_TRY(run(query, m_path, QStringLiteral("PRAGMA quick_check(1)")));
  const QString sound = query.next() ? query.value(0).toString() : QString();
  if (sound != u"ok") return fail(ErrorCode::Corrupt, at({m_path.toStdString(), {}, {}}, sound.toStdString()));
  query.finish();
  DELTASCOPE_TRY(run(query, m_path, QStringLiteral("SELECT %1 FROM run").arg(QLatin1String(kColumns))));
  std::vector<IndexedRun> runs;
  while (query.next()) runs.push_back(runOf(query));
  if (query.lastError().isValid()) return failure(m_path, query.lastError());
  return runs;
}

Result<void> RunIndex::change(const std::vector<IndexedRun>& put, const QStringList& remove) const {
  if (!QSqlDatabase::isDriverAvailable(m_driver))
    return fail(ErrorCode::Unsupported, "Qt's driver " + m_driver.toStdString() + " is not installed");
  Connection connection(m_path, m_driver);
  QSqlDatabase& database = connection.database;
  if (!database.open()) return failure(m_path, database.lastError());
  if (!database.transaction()) return failure(m_path, database.lastError());
  Result<void> written;
  {
    QSqlQuery query(database);
    written = write(query, m_path, put, remove);
  }
  if (!written) {
    database.rollback();
    return written;
  }
  if (!database.commit()) return failure(m_path, database.lastError());
  return {};
}

Result<void> RunIndex::discard() const {
  for (const char* end : {"", "-journal", "-wal", "-shm"}) {
    QFile file(m_path + QLatin1String(end));
    if (file.exists() && !file.remove())
      return fail(ErrorCode::Io,
                  at({file.fileName().toStdString(), {}, {}}, "cannot be removed: ") + file.errorString().toStdString());
  }
  return {};
}

}  // namespace deltascope::ui
