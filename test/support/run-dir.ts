/** Folder of this test run, made by test/support/global-setup.mjs: servers that suites start are kept here. */
export function runDir(): string {
  const dir = process.env['KILN_TEST_RUN_DIR'];
  if (!dir)
    throw new Error(
      'KILN_TEST_RUN_DIR is not set: run tests through jest.config.mjs, whose globalSetup makes the folder',
    );
  return dir;
}
