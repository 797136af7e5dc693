/** Makes download links; bound to the assets' signer where the application is put together. */
export interface AssetLinks {
  /** An absolute URL that opens `variant` of the key's asset until `expiresAt`, without an API key. */
  link(keyId: string, assetId: string, variant: string, expiresAt: Date): string;
}

export const ASSET_LINKS = Symbol('ASSET_LINKS');
