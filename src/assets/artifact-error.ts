/**
 * Why a provider's result was not stored. `retry`: the way to it or to the object store broke; `expired`: its link is dead;
 * `gone`: the bytes that came with the answer were deleted; `blocked` (its link leads where nothing may
 * be fetched), `too_large`, `not_media`: trying again brings the same.
 */
export class ArtifactError extends Error {
  override readonly name = 'ArtifactError';
  constructor(
    readonly kind: 'retry' | 'expired' | 'gone' | 'blocked' | 'too_large' | 'not_media',
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}
