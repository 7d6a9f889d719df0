/** Rows of a fastText matrix, plain or product-quantised, as 32-bit floats. */
import type { FastTextMatrix } from "../fasttext-model.ts";

/** Adds a row of a matrix to a vector. */
export function addRow(matrix: FastTextMatrix, row: number, target: Float32Array): void {
  if (matrix.kind === "dense") {
    const start = row * matrix.columns;
    for (let i = 0; i < matrix.columns; i++) {
      target[i] = (target[i] as number) + (matrix.values[start + i] as number);
    }
    return;
  }
  const { quantizer, codes } = matrix;
  const { parts, partColumns, lastPartColumns, centroids } = quantizer;
  const norm = normOf(matrix, row);
  for (let part = 0; part < parts; part++) {
    const columns = part === parts - 1 ? lastPartColumns : partColumns;
    const start = part * 256 * partColumns + (codes[row * parts + part] as number) * columns;
    for (let i = 0; i < columns; i++) {
      const at = part * partColumns + i;
      target[at] = (target[at] as number) + Math.fround(norm * (centroids[start + i] as number));
    }
  }
}

function normOf(matrix: FastTextMatrix & { kind: "quantised" }, row: number): number {
  const { norms } = matrix;
  return norms === undefined ? 1 : (norms.quantizer.centroids[norms.codes[row] as number] as number);
}

/** A matrix in plain floats, row by row. */
export function toDense(matrix: FastTextMatrix): Float32Array {
  if (matrix.kind === "dense") return matrix.values;
  const { rows, columns, quantizer, codes } = matrix;
  const { parts, partColumns, lastPartColumns, centroids } = quantizer;
  const dense = new Float32Array(rows * columns);
  // As addRow does for each, without a view and a call for each: models are laid out by threads that just started.
  for (let row = 0, code = 0; row < rows; row++) {
    const norm = normOf(matrix, row);
    for (let part = 0, to = row * columns; part < parts; part++, to += partColumns) {
      const width = part === parts - 1 ? lastPartColumns : partColumns;
      const from = part * 256 * partColumns + (codes[code++] as number) * width;
      for (let i = 0; i < width; i++) dense[to + i] = 0 + Math.fround(norm * (centroids[from + i] as number));
    }
  }
  return dense;
}
