import multipart from '@fastify/multipart';
import type { FastifyInstance } from 'fastify';

const MAX_FIELD_BYTES = 64 * 1024;

/**
 * Teaches Fastify the bodies of uploads: multipart, and raw media for presigned PUTs. Both reach the handler as streams; the
 * cap on bytes is the handler's, because the plugin would cut a file short without saying so.
 */
export async function registerUploadBodies(fastify: FastifyInstance): Promise<void> {
  await fastify.register(multipart, {
    limits: { fileSize: Number.MAX_SAFE_INTEGER, files: 16, fields: 64, fieldSize: MAX_FIELD_BYTES },
  });
  fastify.addContentTypeParser(/^(image|video|audio)\/|^application\/octet-stream/, (_request, payload, done) => {
    done(null, payload);
  });
}
