/** Rows of fastText's output matrix times a text's vector: sixteen rows at a time, each summed from its first number on. */

/**
 * @param vector f32[dimensions]
 * @param table f32[blocks][dimensions][16]: the rows by sixteen, the numbers of one dimension side by side
 * @param products f32[blocks][16], to be filled
 */
export function multiplyRows(vector: usize, dimensions: u32, table: usize, blocks: u32, products: usize): void {
  const end = products + ((blocks as usize) << 6);
  const vectorEnd = vector + ((dimensions as usize) << 2);
  let numbers = table;
  for (let to = products; to < end; to += 64) {
    let a = f32x4.splat(0);
    let b = f32x4.splat(0);
    let c = f32x4.splat(0);
    let d = f32x4.splat(0);
    for (let at = vector; at < vectorEnd; at += 4) {
      const factor = v128.load32_splat(at);
      a = f32x4.add(a, f32x4.mul(v128.load(numbers), factor));
      b = f32x4.add(b, f32x4.mul(v128.load(numbers, 16), factor));
      c = f32x4.add(c, f32x4.mul(v128.load(numbers, 32), factor));
      d = f32x4.add(d, f32x4.mul(v128.load(numbers, 48), factor));
      numbers += 64;
    }
    v128.store(to, a);
    v128.store(to, b, 16);
    v128.store(to, c, 32);
    v128.store(to, d, 48);
  }
}
