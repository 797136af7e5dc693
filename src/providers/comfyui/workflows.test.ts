import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { SettingsError } from '../contract.js';
import facts from './fixtures/node-facts.json' with { type: 'json' };
import { partOf } from './convert.js';
import { splitRef, type Workflow } from './mapping.js';
import { loadWorkflow, resolveSettings } from './workflow-loader.js';

const SHIPPED = fileURLToPath(new URL('../../../workflows', import.meta.url));
const EXAMPLE = fileURLToPath(new URL('../../../docs/examples/comfyui-empty-image', import.meta.url));

interface NodeFacts {
  required: string[];
  optional?: string[];
  output?: boolean;
  multiples?: Record<string, number>;
}
const nodes = new Map(Object.entries(facts).filter(([name]) => name !== '_source') as unknown as [string, NodeFacts][]);

const mappings = [SHIPPED, EXAMPLE].flatMap((dir) =>
  readdirSync(dir)
    .filter((name) => name.endsWith('.mapping.json'))
    .map((name) => [name, dir] as const),
);
const flows = mappings.flatMap(([name, dir]) =>
  loadWorkflow(dir, name).workflows.map((flow) => [flow.name, flow] as const),
);

function expectKnown(className: string, inputs: string[]): void {
  const known = nodes.get(className);
  expect({ className, known: known !== undefined }).toEqual({ className, known: true });
  expect(known?.required.filter((input) => !inputs.includes(input))).toEqual([]);
  const all = [...(known?.required ?? []), ...(known?.optional ?? [])];
  expect(inputs.filter((input) => !all.includes(input))).toEqual([]);
}

test('every workflow file that is shipped belongs to a mapping', () => {
  const files = [SHIPPED, EXAMPLE]
    .flatMap((dir) => readdirSync(dir))
    .filter((name) => name.endsWith('.json') && !name.endsWith('.mapping.json'));
  expect(files.toSorted()).toEqual([...new Set(flows.map(([name]) => name))].toSorted());
});

describe.each(flows)('%s', (_name, flow: Workflow) => {
  test.each(Object.entries(flow.graph))('node %s has the class and the inputs that ComfyUI knows', (_id, node) => {
    expectKnown(node.class_type, Object.keys(node.inputs));
  });

  test('chained nodes have a class and inputs that ComfyUI knows', () => {
    for (const chain of Object.values(flow.chains))
      expectKnown(chain.class_type, [...Object.keys(chain.links), ...Object.keys(chain.inputs)]);
  });

  test('outputs are nodes that save', () => {
    for (const id of flow.output) expect(nodes.get(flow.graph[id]?.class_type ?? '')?.output).toBe(true);
  });

  test('every size of the table is a multiple of what the node makes', () => {
    const fits = (targets: NonNullable<Workflow['size']>['width'], side: number): boolean =>
      targets.every((target) => {
        const { node, input } = splitRef(target.to);
        const step = nodes.get(flow.graph[node]?.class_type ?? '')?.multiples?.[input] ?? 1;
        return partOf(side, target) % step === 0;
      });
    const { table = {}, width, height } = flow.size ?? { width: [], height: [] };
    const odd = Object.values(table)
      .flatMap((row) => Object.values(row))
      .filter((pair) => !fits(width, pair[0]) || !fits(height, pair[1]));
    expect(odd).toEqual([]);
  });
});

test('docs/comfyui.md shows the example as it is', () => {
  const page = readFileSync(new URL('../../../docs/comfyui.md', import.meta.url), 'utf8');
  const blocks = [...page.matchAll(/```json\n(\{.*?\n\})\n```/gs)].map(
    (match) => JSON.parse(match[1] ?? '') as unknown,
  );
  const file = (name: string): unknown => JSON.parse(readFileSync(`${EXAMPLE}/${name}`, 'utf8'));
  const withoutTitles = Object.fromEntries(
    Object.entries(file('empty-image.json') as Record<string, object>).map(([id, node]) => [
      id,
      { ...node, _meta: undefined },
    ]),
  );
  expect(blocks[0]).toEqual(withoutTitles);
  expect(blocks[1]).toEqual(file('empty-image.mapping.json'));
  const overlay = parse(readFileSync(`${EXAMPLE}/catalog.yaml`, 'utf8')) as object;
  expect(overlay).toMatchObject(parse(/```yaml\n(.*?)```/s.exec(page)?.[1] ?? '') as object);
});

describe('a mapping that does not fit', () => {
  const graph = {
    '1': { class_type: 'EmptyImage', inputs: { width: 1, height: 1, color: 0 } },
    '2': { class_type: 'SaveImage', inputs: { images: ['1', 0], filename_prefix: 'x' } },
  };
  const base = { workflow: graph, inputs: {}, filename_prefix: ['2.filename_prefix'], output: ['2'] };
  const resolve = (more: object) => resolveSettings({ mapping: { ...base, ...more } }, () => '{}');

  const chain = (links: object): object => ({ class_type: 'Any', links, inputs: { name: { of: 'name' } } });

  test('the base itself is good', () => {
    expect(resolve({}).workflows).toHaveLength(1);
  });

  test.each([
    [{ inputs: { seed: ['9.color'] } }, 'inputs.seed names node 9'],
    [{ inputs: { seed: ['1.colour'] } }, 'has width, height, color'],
    [{ inputs: { prompt: ['2.images'] } }, 'linked to another node'],
    [{ inputs: { seed: [{ to: '1.color', modulo: 2, values: {} }] } }, 'exclude each other'],
    [{ inputs: { image: ['1.color'] } }, 'a reference needs "upload": true'],
    [{ inputs: { seed: [{ to: '1.color', upload: true }] } }, 'upload is for references'],
    [{ inputs: { seed: [{ to: '1.color', clamp: 3 }] } }, 'mapping'],
    [{ output: ['3'] }, 'output names node 3'],
    [{ filename_prefix: ['1.filename_prefix'] }, 'filename_prefix names input'],
    [{ defaults: { seed: 1 } }, 'defaults.seed is not mapped'],
    [{ size: { width: ['1.width'], height: ['1.height'] } }, 'needs a table, or free bounds'],
    [
      {
        size: {
          width: ['1.width'],
          height: ['1.height'],
          table: { a: { '1:1': [8, 8] } },
          default: { resolution: 'b' },
        },
      },
      'is not in the table',
    ],
    [{ wrong_key: 1 }, 'wrong_key'],
    [
      { inputs: { duration_seconds: [{ to: '1.width', frames: { fps: 'fps' } }] } },
      'counts by fps, which needs a default',
    ],
    [{ cut: { generate_audio: { false: ['1.width'] } } }, 'which is no linked input'],
    [{ chains: { loras: chain({ model: { from: ['9', 0] } }) } }, 'begins at node 9'],
    [{ chains: { loras: chain({ model: { from: ['1', 1] } }) } }, 'which nothing of'],
    [{ chains: { loras: chain({}) } }, 'must hold a link'],
    [{ chains: { loras: chain({ name: { from: ['1', 0] } }) } }, 'name is a link and an input'],
    [{ chains: { loras: chain({ model: { from: ['1', 0] } }) }, inputs: { loras: ['1.width'] } }, 'is in inputs too'],
    [
      { workflow: { ...graph, '3': { class_type: 'X', inputs: { image: ['7', 0] } } } },
      'links to a node that is not there',
    ],
    [{ workflow: '../secret.json' }, 'mapping'],
    [{ variants: [{ when: { references: ['image'] }, workflow: graph, output: ['8'] }] }, 'output names node 8'],
  ])('%j: %s', (more, message) => {
    expect(() => resolve(more)).toThrow(SettingsError);
    expect(() => resolve(more)).toThrow(message);
  });

  test('a missing file, a broken one and a workflow in the editor format are named', () => {
    const read = (name: string): string => {
      if (name === 'editor.json') return '{"nodes": [], "links": []}';
      if (name === 'broken.json') return '{';
      throw new Error('ENOENT');
    };
    expect(() => resolveSettings({ mapping: 'none.json' }, read)).toThrow("none.json can't be read: ENOENT");
    expect(() => resolveSettings({ mapping: 'broken.json' }, read)).toThrow('broken.json is not JSON');
    expect(() => resolveSettings({ mapping: { ...base, workflow: 'editor.json' } }, read)).toThrow(
      'no workflow in API format',
    );
  });

  test('the route may name another workflow for the same mapping', () => {
    const raw = readFileSync(`${EXAMPLE}/empty-image.json`, 'utf8');
    const mapping = JSON.parse(readFileSync(`${EXAMPLE}/empty-image.mapping.json`, 'utf8')) as never;
    expect(resolveSettings({ workflow: 'other.json', mapping }, () => raw).workflows[0]?.name).toBe('other.json');
  });
});
