/**
 * Checkpoints to files that devices run: GGUF (F32, F16, Q8_0) with an Ollama Modelfile, safetensors; proved equal by
 * generation. Training and reading checkpoints are elsewhere.
 */
export {
  exportFormats,
  planExport,
  runExport,
  type ExportFormat,
  type ExportOptions,
  type ExportPlan,
  type ExportResult,
  type RunExportOptions,
} from "./export.ts";
export { openGguf, tensorTypeNames, type GgufFile, type TensorTypeName } from "./gguf/index.ts";
export { hardTexts, nearTieGap, verifyExport, type NearTie, type VerifyOptions, type VerifyReport } from "./verify.ts";
