import { afterEach, expect, test, vi } from 'vitest';
import { copy } from './clipboard';

afterEach(() => vi.unstubAllGlobals());

test('over plain http a link is copied from a field', async () => {
  const field = { style: {}, value: '', select: vi.fn(), remove: vi.fn() };
  const execCommand = vi.fn(() => true);
  vi.stubGlobal('navigator', {});
  vi.stubGlobal('HTMLElement', class {});
  vi.stubGlobal('document', { createElement: () => field, activeElement: null, body: { append: vi.fn() }, execCommand });
  expect(await copy('http://hall/?open=a1')).toBe(true);
  expect(field.value).toBe('http://hall/?open=a1');
  expect(field.select).toHaveBeenCalledBefore(execCommand);
  expect(field.remove).toHaveBeenCalled();
  execCommand.mockReturnValue(false);
  expect(await copy('x')).toBe(false);
});
