// The portfolio as the document that `pm margin` reads: to show, copy, download; and to open another.
import { useRef, useState, type RefObject } from 'react';
import type { Engine } from '../engine/client';
import { fromText, toText, type Portfolio } from '../model/document';

interface Props {
  dialog: RefObject<HTMLDialogElement | null>;
  portfolio: Portfolio;
  engine: Engine;
  onOpen(portfolio: Portfolio): void;
}

type Note = { text: string; isProblem: boolean };

/** Copies without the clipboard API where a page may not use it. */
async function copy(text: string, area: HTMLTextAreaElement): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    area.select();
    return document.execCommand('copy');
  }
}

function download(text: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type: 'application/json' }));
  link.download = 'portfolio.json';
  link.click();
  URL.revokeObjectURL(link.href);
}

export function DocumentDialog({ dialog, portfolio, engine, onOpen }: Props) {
  const [edited, setEdited] = useState<string | null>(null);
  const [note, setNote] = useState<Note | null>(null);
  const area = useRef<HTMLTextAreaElement>(null);
  const text = edited ?? toText(portfolio);
  const say = (words: string, isProblem = false) => setNote({ text: words, isProblem });
  const close = () => {
    dialog.current?.close();
  };
  // The engine reads it first: what it refuses is not opened, and its message has the place.
  const open = async (source: string) => {
    try {
      const { answer } = await engine.ask(source);
      if ('failure' in answer) {
        const { path, text: words } = answer.failure;
        say(`Not opened. ${path === '' ? '' : `${path}: `}${words}`, true);
        return;
      }
      onOpen(fromText(source));
      close();
    } catch (error) {
      say(`Not opened: ${error instanceof Error ? error.message : String(error)}`, true);
    }
  };
  const load = async (file: File | undefined) => {
    if (!file) return;
    const content = await file.text();
    setEdited(content);
    await open(content);
  };
  return (
    <dialog ref={dialog} aria-labelledby="document-title" onClose={() => { setEdited(null); setNote(null); }}>
      <header>
        <h2 id="document-title">Document</h2>
        <button type="button" className="remove" aria-label="Close" onClick={close}>×</button>
      </header>
      <p className="note">What <code>pm margin</code> reads, and gives the same numbers for. Edit it or paste another, then open it.</p>
      <label className="hidden" htmlFor="document-text">The portfolio as JSON</label>
      <textarea id="document-text" ref={area} spellCheck={false} value={text}
        onChange={(event) => { setEdited(event.target.value); setNote(null); }} />
      <p className={note?.isProblem ? 'problem said' : 'said'} role="status">{note?.text ?? ''}</p>
      <div className="actions">
        <button type="button" onClick={async () => {
          const done = area.current ? await copy(text, area.current) : false;
          say(done ? 'Copied.' : 'The browser did not copy it: select the text and copy it by hand.', !done);
        }}>Copy</button>
        <button type="button" onClick={() => download(text)}>Download</button>
        <label className="button" tabIndex={-1}>
          Load a file
          <input type="file" accept=".json,application/json" onChange={(event) => { void load(event.target.files?.[0]); event.target.value = ''; }} />
        </label>
        <button type="button" className="primary" disabled={edited === null} onClick={() => void open(text)}>Open this text</button>
      </div>
    </dialog>
  );
}
