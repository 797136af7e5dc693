import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { z } from 'zod';
import { ERROR_TYPES, type ErrorType } from '../../common/error-types.js';
import { type Answer, type Operation, OPERATIONS, TAGS } from './operations.js';
import { listOf, SCHEMAS } from './schemas.js';

type PathItem = OpenAPIObject['paths'][string];
type OperationObject = NonNullable<PathItem['get']>;
type Schema = Exclude<NonNullable<NonNullable<OpenAPIObject['components']>['schemas']>[string], { $ref: string }>;

const JSON_TYPE = 'application/json';
const ABOUT = `Async media generation jobs. Every answer carries a request id (\`x-request-id\`); lists are
\`{object: "list", data, has_more, first_id, last_id}\`; errors are \`{error: {message, type, code, param}}\`; money is integer
micro-USD. A job's \`input\` depends on its model: GET /v1/models has the JSON Schema of each.`;

/** Routes and request bodies from the controllers, the rest from the table of operations. */
export function describeApi(app: NestFastifyApplication): OpenAPIObject {
  const builder = new DocumentBuilder()
    .setTitle('Kiln')
    .setVersion('1')
    .setDescription(ABOUT)
    .addBearerAuth({
      type: 'http',
      scheme: 'bearer',
      description: 'An API key, `sk-…`; `x-api-key: sk-…` does as well.',
    })
    .addSecurityRequirements('bearer');
  for (const [name, about] of Object.entries(TAGS)) builder.addTag(name, about);
  const document = SwaggerModule.createDocument(app, builder.build());
  const paths: OpenAPIObject['paths'] = {};
  for (const [path, item] of Object.entries(document.paths)) {
    for (const [method, found] of Object.entries(item) as [keyof PathItem & 'get', OperationObject][]) {
      const about = OPERATIONS[`${method.toUpperCase()} ${path}`];
      const at = about?.path ?? path;
      paths[at] = { ...paths[at], [method]: about ? described(method, at, found, about) : found };
    }
  }
  return { ...document, paths, components: { ...document.components, schemas: componentSchemas() } };
}

function described(method: string, path: string, found: OperationObject, about: Operation): OperationObject {
  const requestBody = bodyOf(found, about);
  return {
    ...found,
    operationId: about.id,
    tags: [about.tag],
    summary: about.summary,
    ...(about.open ? { security: [] } : {}),
    parameters: [...pathParameters(path), ...queryParameters(found, about), ...headerParameters(method, about)],
    responses: {
      ...Object.fromEntries(Object.entries(about.answers).map(([status, answer]) => [status, answered(answer)])),
      ...refusals(method, found, about),
    },
    ...(requestBody ? { requestBody } : {}),
  };
}

type Parameters = NonNullable<OperationObject['parameters']>;

const pathParameters = (path: string): Parameters =>
  [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));

function queryParameters(found: OperationObject, { query, metadataFilter }: Operation): Parameters {
  const reflected = (found.parameters ?? []).filter((one) => 'in' in one && one.in === 'query');
  const schema = query ? (jsonSchema(query, 'input') as { properties?: Record<string, Schema> }) : {};
  const given = Object.entries(schema.properties ?? {}).map(([name, one]) => ({
    name,
    in: 'query' as const,
    required: false,
    schema: one,
  }));
  return [...reflected, ...given, ...(metadataFilter ? [METADATA_FILTER] : [])];
}

/** `metadata[name]=value`, any number of them. */
const METADATA_FILTER: Parameters[number] = {
  name: 'metadata',
  in: 'query',
  required: false,
  style: 'deepObject',
  explode: true,
  schema: { type: 'object', additionalProperties: { type: 'string' } },
};

function headerParameters(method: string, { headers = {}, open }: Operation): Parameters {
  const all =
    method === 'post' && !open
      ? { ...headers, 'Idempotency-Key': 'Within 24 hours a repetition with it attaches to the first result.' }
      : headers;
  return Object.entries(all).map(([name, description]) => ({
    name,
    in: 'header',
    required: false,
    description,
    schema: { type: 'string' },
  }));
}

function bodyOf(
  found: OperationObject,
  { body, bodyOptional, multipart, form }: Operation,
): OperationObject['requestBody'] {
  if (multipart) {
    const schema: Schema = {
      type: 'object',
      required: ['file'],
      properties: { file: { type: 'string', format: 'binary' } },
    };
    return { required: true, content: { 'multipart/form-data': { schema } } };
  }
  if (body) {
    const schema = jsonSchema(body, 'input');
    const content = {
      ...(form !== 'only' && { [JSON_TYPE]: { schema } }),
      ...(form && { 'multipart/form-data': { schema } }),
    };
    return { required: true, content };
  }
  return found.requestBody && { ...found.requestBody, required: bodyOptional !== true };
}

function answered(answer: Answer): OperationObject['responses'][string] {
  if (typeof answer === 'object') {
    return 'type' in answer
      ? { description: answer.about, content: { [answer.type]: { schema: { type: 'string' } } } }
      : { description: answer.about };
  }
  const [name, isList] = [answer.replace('[]', ''), answer.endsWith('[]')];
  const $ref = `#/components/schemas/${name}${isList ? 'List' : ''}`;
  return {
    description: isList ? `A page of ${name}s.` : `The ${name}.`,
    content: { [JSON_TYPE]: { schema: { $ref } } },
  };
}

/** Every type that an operation may answer, told by status. */
function refusals(
  method: string,
  found: OperationObject,
  { errors, open, query, body, headers, answers, envelope = 'Error' }: Operation,
): OperationObject['responses'] {
  const takesInput = Boolean(query ?? body ?? headers ?? found.requestBody) || (found.parameters ?? []).length > 0;
  const all: ErrorType[] = [
    ...(takesInput || method === 'post' ? (['invalid_request_error'] as const) : []),
    ...(open ? [] : (['authentication_error', 'ip_not_allowed', 'unavailable'] as const)),
    ...(method === 'post' && !open ? (['idempotency_in_progress', 'idempotency_key_reused'] as const) : []),
    ...errors,
    'internal_error',
  ];
  const byStatus = Map.groupBy(
    all
      .toSorted((a, b) => ERROR_TYPES[a].status - ERROR_TYPES[b].status)
      .filter((type) => !(ERROR_TYPES[type].status in answers)),
    (type) => ERROR_TYPES[type].status,
  );
  return Object.fromEntries(
    [...byStatus].map(([status, types]) => [
      String(status),
      {
        description: types.map((type) => `\`${type}\`: ${ERROR_TYPES[type].about}`).join('\n\n'),
        content: { [JSON_TYPE]: { schema: { $ref: `#/components/schemas/${envelope}` } } },
      },
    ]),
  );
}

function componentSchemas(): Record<string, Schema> {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(SCHEMAS)) {
    registry.add(schema, { id });
    registry.add(listOf(schema), { id: `${id}List` });
  }
  const { schemas } = z.toJSONSchema(registry, {
    target: 'openapi-3.0',
    uri: (id) => `#/components/schemas/${id}`,
    io: 'output',
  });
  return Object.fromEntries(
    Object.entries(schemas).map(([id, schema]) => [id, withoutMeta(schema as Record<string, unknown>)]),
  );
}

const jsonSchema = (schema: z.ZodType, io: 'input' | 'output'): Schema =>
  withoutMeta(z.toJSONSchema(schema, { target: 'openapi-3.0', io }) as Record<string, unknown>);

function withoutMeta({ $schema: _schema, $id: _id, id: _name, ...rest }: Record<string, unknown>): Schema {
  return rest;
}
