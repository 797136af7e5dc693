import { listKeysQuery, patchKeyBody } from '../../keys/key-bodies.js';
import { admin } from './admin-operation.js';
import type { Operation } from './operations.js';

export const KEYS: Record<string, Operation> = {
  'GET /v1/key': {
    id: 'getOwnKey',
    tag: 'Keys',
    summary: 'What this key is, and what limits it.',
    answers: { 200: 'OwnKey' },
    errors: [],
  },
  'POST /admin/keys': admin('createKey', 'Make an API key; its secret is in this answer only.', { 201: 'CreatedKey' }),
  'GET /admin/keys': {
    ...admin('listKeys', 'Keys, newest first.', { 200: 'Key[]' }, ['not_found']),
    query: listKeysQuery,
  },
  'GET /admin/keys/{id}': admin('getKey', 'A key, without its secret.', { 200: 'Key' }, ['not_found']),
  'PATCH /admin/keys/{id}': {
    ...admin(
      'updateKey',
      'Change what is given; null lifts a limit. Obeyed everywhere within two seconds.',
      { 200: 'Key' },
      ['not_found', 'conflict'],
    ),
    body: patchKeyBody,
  },
  'POST /admin/keys/{id}/rotate': {
    ...admin(
      'rotateKey',
      'A new secret, in this answer only. The newest one before it works on for the overlap, older ones end at once.',
      { 200: 'RotatedKey' },
      ['not_found'],
    ),
    bodyOptional: true,
  },
  'POST /admin/keys/{id}/disable': {
    ...admin('disableKey', 'Refuse the key until it is enabled again.', { 200: 'Key' }, ['not_found', 'conflict']),
    bodyOptional: true,
  },
  'POST /admin/keys/{id}/enable': {
    ...admin('enableKey', 'Let a disabled key work again.', { 200: 'Key' }, ['not_found']),
    bodyOptional: true,
  },
  'DELETE /admin/keys/{id}': admin(
    'deleteKey',
    'Take a key out of use for good; its jobs and money stay.',
    { 200: 'Deleted' },
    ['not_found', 'conflict'],
  ),
};
