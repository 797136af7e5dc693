import { crc32 } from 'node:zlib';

const PRELUDE_BYTES = 12;
const CRC_BYTES = 4;
const STRING_TYPE = 7;

/**
 * One frame of `application/vnd.amazon.eventstream`: total length, headers' length, CRC-32 of these two, headers, payload,
 * CRC-32 of all before. Every number is big-endian, every header a string. Source: AWS, "Event stream encoding".
 */
export function frame(headers: Readonly<Record<string, string>>, payload: object): Buffer {
  const head = Buffer.concat(Object.entries(headers).map(([name, value]) => header(name, value)));
  const body = Buffer.from(JSON.stringify(payload));
  const prelude = Buffer.alloc(PRELUDE_BYTES);
  prelude.writeUInt32BE(PRELUDE_BYTES + head.length + body.length + CRC_BYTES, 0);
  prelude.writeUInt32BE(head.length, 4);
  prelude.writeUInt32BE(crc32(prelude.subarray(0, 8)), 8);
  const message = Buffer.concat([prelude, head, body]);
  const trailer = Buffer.alloc(CRC_BYTES);
  trailer.writeUInt32BE(crc32(message), 0);
  return Buffer.concat([message, trailer]);
}

function header(name: string, value: string): Buffer {
  const key = Buffer.from(name);
  const text = Buffer.from(value);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(text.length, 0);
  return Buffer.concat([Buffer.from([key.length]), key, Buffer.from([STRING_TYPE]), length, text]);
}

/** One event of the model: its JSON in base64, padded with `p` so that lengths tell nothing, as Bedrock does. */
export function chunkFrame(event: string | Buffer): Buffer {
  return frame(
    { ':event-type': 'chunk', ':content-type': 'application/json', ':message-type': 'event' },
    { bytes: Buffer.from(event).toString('base64'), p: 'abcdefghij' },
  );
}

/** An exception in the middle of a stream, e.g. `throttlingException`; nothing follows it. */
export function exceptionFrame(type: string, message: string): Buffer {
  return frame(
    { ':exception-type': type, ':content-type': 'application/json', ':message-type': 'exception' },
    { message },
  );
}
