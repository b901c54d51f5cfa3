// WebSocket frames (RFC 6455 §5): what a peer would send, as bytes. Built apart from the product, which looks into none.

/** `text`, `binary`, …: the opcode. Its payload's length decides between the three forms of a length. */
export interface FrameOptions {
  readonly opcode: 'continuation' | 'text' | 'binary' | 'close' | 'ping' | 'pong';
  /** False: the message goes on in another frame. Default true. */
  readonly fin?: boolean;
  /** As a client must. Default false. */
  readonly masked?: boolean;
}

const OPCODES = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;
const MASK = Buffer.from([0xa5, 0x00, 0xff, 0x3c]);

export function webSocketFrame(payload: Buffer, { opcode, fin = true, masked = false }: FrameOptions): Buffer {
  const first = (fin ? 0x80 : 0) | OPCODES[opcode];
  const maskBit = masked ? 0x80 : 0;
  const { length } = payload;
  let head: Buffer;
  if (length < 126) {
    head = Buffer.from([first, maskBit | length]);
  } else if (length < 65_536) {
    head = Buffer.from([first, maskBit | 126, 0, 0]);
    head.writeUInt16BE(length, 2);
  } else {
    head = Buffer.from([first, maskBit | 127, 0, 0, 0, 0, 0, 0, 0, 0]);
    head.writeBigUInt64BE(BigInt(length), 2);
  }
  if (!masked) return Buffer.concat([head, payload]);
  return Buffer.concat([head, MASK, payload.map((byte, i) => byte ^ (MASK[i % 4] as number))]);
}

/** Every size class of RFC 6455 §5.2 at its edges, a fragmented message with a ping within, and the end. */
export function everyFrame(masked: boolean): Buffer {
  const frame = (size: number, options: FrameOptions): Buffer =>
    webSocketFrame(Buffer.alloc(size, Buffer.from(Array.from({ length: 251 }, (_, i) => i))), { masked, ...options });
  return Buffer.concat([
    ...[0, 1, 125, 126, 65_535, 65_536, 1024 * 1024].map((size) => frame(size, { opcode: 'binary' })),
    frame(10, { opcode: 'text', fin: false }),
    frame(125, { opcode: 'ping' }),
    frame(70_000, { opcode: 'continuation', fin: false }),
    frame(0, { opcode: 'pong' }),
    frame(0, { opcode: 'continuation' }),
    frame(2, { opcode: 'close' }),
  ]);
}
