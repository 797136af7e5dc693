/** A `Content-Disposition` that survives any filename: an ASCII fallback beside the UTF-8 form (RFC 6266, RFC 8187). */
export function contentDisposition(options: { filename?: string; inline: boolean }): string {
  const kind = options.inline ? 'inline' : 'attachment';
  if (options.filename === undefined) return kind;
  const ascii = options.filename.replaceAll(/[^A-Za-z0-9._ -]/g, '_');
  const encoded = encodeURIComponent(options.filename.toWellFormed()).replaceAll(
    /['()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `${kind}; filename="${ascii}"; filename*=UTF-8''${encoded}`;
}
