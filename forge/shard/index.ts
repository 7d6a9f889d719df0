/**
 * Writes and reads what a corpus consists of: documents and rejects as Parquet, tokens as Arrow.
 *
 * The trainer's way in is `openTokenShards`. Writers are atomic and deterministic: equal input, equal bytes.
 */
export { parquetColumns, writeDocuments } from "./documents.ts";
export { exportTokens, tokenExportFormats, type ExportedTokens, type TokenExportFormat } from "./export-tokens.ts";
export type { MixtureOptions, MixtureWeight, RealisedWeight } from "./mixture.ts";
export { openTokenShards, type SharedTokenMetadata, type TokenShards } from "./open.ts";
export { validationFlags } from "./order.ts";
export { openParquet, type ParquetReader, type ParquetReadOptions } from "./parquet-read.ts";
export {
  writeParquet,
  writeParquetBatches,
  type ParquetBatch,
  type ParquetColumn,
  type ParquetColumnValues,
  type ParquetFile,
  type ParquetFloats,
  type ParquetRow,
  type ParquetTexts,
  type ParquetType,
  type ParquetValue,
  type ParquetWriteOptions,
} from "./parquet.ts";
export { readTokenFile, writeTokenFile, type OpenTokenShard, type TokenArray, type TokenShard } from "./token-file.ts";
export { planShards, readShardPlan, type LeftDocuments, type PlannedShard } from "./plan-shards.ts";
export { encodePartition, writeShard, type ShardTokenizer } from "./tokens.ts";
export { verifyOutput, type VerifyOptions, type VerifyProblem, type VerifyReport } from "./verify.ts";
