/**
 * Why a provider's result was not stored. `retry`: the way to it or to the object store broke; `expired`: its link is dead;
 * `too_large`, `not_media`: trying again brings the same.
 */
export class ArtifactError extends Error {
  override readonly name = 'ArtifactError';
  constructor(
    readonly kind: 'retry' | 'expired' | 'too_large' | 'not_media',
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}
