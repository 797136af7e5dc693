import { removeRun } from './sweep.mjs';

export default async function globalTeardown() {
  await removeRun(process.env.KILN_TEST_RUN_DIR);
}
