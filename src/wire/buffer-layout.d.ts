// Declarations of the part of buffer-layout 1.2.2 that layout.ts uses; the package ships none.
declare module "buffer-layout" {
  export interface Layout<T> {
    readonly span: number;
    readonly property: string | undefined;
    decode(b: Uint8Array, offset?: number): T;
    encode(source: T, b: Uint8Array, offset?: number): number;
  }
  export interface Structure extends Layout<Record<string, number>> {
    readonly fields: readonly Layout<number>[];
    offsetOf(property: string): number | undefined;
  }
  interface BufferLayout {
    u8(property?: string): Layout<number>;
    u16be(property?: string): Layout<number>;
    u24be(property?: string): Layout<number>;
    u32be(property?: string): Layout<number>;
    u48be(property?: string): Layout<number>;
    u16(property?: string): Layout<number>;
    u32(property?: string): Layout<number>;
    struct(fields: readonly Layout<number>[], property?: string): Structure;
  }
  const bufferLayout: BufferLayout;
  export default bufferLayout;
}
