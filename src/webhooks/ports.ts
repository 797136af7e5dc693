/** Signs links to stored media; bound where assets are known, because webhooks know none. */
export interface AssetLinks {
  /** An absolute URL. */
  link(keyId: string, assetId: string, variant: string, expiresAt: Date): string;
}

export const ASSET_LINKS = Symbol('ASSET_LINKS');
