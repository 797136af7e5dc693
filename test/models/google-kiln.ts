import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { dropGround, type Kiln, newGround, startKiln } from '../support/kiln.js';

/** Google has ended these on the Gemini API; others speak the same wire, and an operator's overlay brings them back. */
const OVERLAY = `models:
  veo-3.1: { routes: { gemini: { retires_on: null } } }
  veo-3.1-fast: { routes: { gemini: { retires_on: null } } }
  nano-banana-2: { routes: { gemini: { retires_on: null } } }
`;

/** A Kiln on which all of Google's routes are open; `drop` takes its ground with it. */
export async function googleKiln(): Promise<{ kiln: Kiln; drop: () => Promise<void> }> {
  const ground = await newGround();
  const overlay = join(ground.dir, 'overlay.yaml');
  await writeFile(overlay, OVERLAY);
  const kiln = await startKiln({ ground, env: { KILN_CATALOG: overlay } });
  return {
    kiln,
    drop: async () => {
      await kiln.close();
      await dropGround(ground);
    },
  };
}
