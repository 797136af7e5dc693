import { open } from 'node:fs/promises';

const HEADER_BYTES = 8;
const LONG_HEADER_BYTES = 16;
/** Far more top-level atoms than any real file has; a crafted one must not keep us walking. */
const MAX_ATOMS = 10_000;

/** Whether an ISO file (MP4, MOV, M4A) has its index behind its data, so that a player needs the whole of it to start. */
export async function indexIsLast(path: string): Promise<boolean> {
  const file = await open(path, 'r');
  try {
    const { size: fileBytes } = await file.stat();
    const header = Buffer.alloc(LONG_HEADER_BYTES);
    let dataSeen = false;
    for (let at = 0, atoms = 0; at + HEADER_BYTES <= fileBytes && atoms < MAX_ATOMS; atoms += 1) {
      const { bytesRead } = await file.read(header, 0, LONG_HEADER_BYTES, at);
      const type = header.toString('latin1', 4, 8);
      if (type === 'moov') return dataSeen;
      if (type === 'mdat') dataSeen = true;
      const short = header.readUInt32BE(0);
      // 0 means to the end of the file, 1 that a 64-bit length follows.
      if (short === 0 || (short === 1 && bytesRead < LONG_HEADER_BYTES)) return false;
      const length = short === 1 ? Number(header.readBigUInt64BE(HEADER_BYTES)) : short;
      if (length < HEADER_BYTES) return false;
      at += length;
    }
    return false;
  } finally {
    await file.close();
  }
}
