import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';

/** OpenAPI from the controllers and their schemas at /openapi.json, shown at /docs. */
export function serveOpenApi(app: NestFastifyApplication): void {
  const description = new DocumentBuilder()
    .setTitle('Kiln')
    .setVersion('1')
    .setDescription(
      'Async media generation jobs. Every answer has a request id; errors are `{error: {message, type, code, param}}`.',
    )
    .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'An API key, `sk-…`' })
    .addSecurityRequirements('bearer')
    .build();
  SwaggerModule.setup('docs', app, () => SwaggerModule.createDocument(app, description), {
    jsonDocumentUrl: 'openapi.json',
    customSiteTitle: 'Kiln API',
    swaggerOptions: { persistAuthorization: true, tryItOutEnabled: true },
  });
}
