/** What assets need from configuration. */
export interface AssetsOptions {
  /** Base of every link, without a trailing slash; asked when a link is made, for the port may be chosen late. */
  publicUrl: () => string;
  /** Keys of signed links, the current one first; the ones after it still verify. */
  linkKeys: readonly [Buffer, ...Buffer[]];
  maxUploadBytes: number;
  /** Width × height × frames of one upload. */
  maxPixels: number;
  maxDurationSeconds: number;
  /** For one run of a decoder. */
  mediaTimeoutMs: number;
  /** Largest result taken from a provider. */
  maxOutputBytes: number;
  /** How long unused uploads are kept. */
  uploadRetentionSeconds: number;
  /**
   * URLs of references: until the answer begins, until its last byte has come, and before the second try (each further one
   * waits three times as long).
   */
  urlFetch: { headersTimeoutMs: number; totalTimeoutMs: number; firstRetryMs: number };
  /** Private folders for decoding are made in here. */
  tempDir: string;
}

export const ASSETS_OPTIONS = Symbol('ASSETS_OPTIONS');
