import { withLinks } from './asset-references.js';

const out = 'out_01h455vb4pex5vsknk084sn02q';
const links = {
  link: (assetId: string, variant: string) => `https://kiln/${assetId}/${variant}`,
  expiresAt: new Date('2026-01-02T03:04:05Z'),
};

it('replaces references at any depth and leaves everything else', () => {
  const body = {
    data: {
      outputs: [
        {
          url: `kiln-asset:${out}/content`,
          url_expires_at: 'kiln-asset:expires',
          variants: { poster: { url: `kiln-asset:${out}/poster` } },
          bytes: 1,
          name: null,
        },
      ],
      input: { prompt: `see kiln-asset:${out}/content`, other: 'kiln-asset:/content', third: `kiln-asset:${out}/../x` },
      sandbox: true,
    },
  };
  expect(withLinks(body, links)).toEqual({
    data: {
      ...body.data,
      outputs: [
        {
          url: `https://kiln/${out}/content`,
          url_expires_at: '2026-01-02T03:04:05.000Z',
          variants: { poster: { url: `https://kiln/${out}/poster` } },
          bytes: 1,
          name: null,
        },
      ],
    },
  });
});
