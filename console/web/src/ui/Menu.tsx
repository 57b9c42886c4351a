import { type KeyboardEvent, type ReactNode, useId, useRef } from "react";
import { Icon, type IconName } from "./Icon";

export interface MenuItem {
  text: string;
  icon?: IconName;
  danger?: boolean;
  disabled?: boolean;
  checked?: boolean;
  /** The menu stays open: one will choose more. */
  isSwitch?: boolean;
  onSelect: () => void;
  testId?: string;
}

interface Props {
  label: string;
  trigger: ReactNode;
  items: MenuItem[];
  className?: string;
  testId?: string;
}

/** A menu in the browser's top layer, so no table cuts it off. */
export function Menu({ label, trigger, items, className = "icon-button", testId }: Props): ReactNode {
  const id = useId();
  const button = useRef<HTMLButtonElement>(null);
  const list = useRef<HTMLDivElement>(null);

  const place = (): void => {
    const from = button.current?.getBoundingClientRect();
    const menu = list.current;
    if (from === undefined || menu === null) return;
    const { offsetWidth: width, offsetHeight: height } = menu;
    const below = from.bottom + 4 + height < window.innerHeight;
    menu.style.left = `${Math.max(4, Math.min(from.right - width, window.innerWidth - width - 4))}px`;
    menu.style.top = `${below ? from.bottom + 4 : Math.max(4, from.top - height - 4)}px`;
    menu.querySelector<HTMLElement>("[role^=menuitem]:not(:disabled)")?.focus();
  };
  const move = (event: KeyboardEvent): void => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step === 0) return;
    event.preventDefault();
    const all = [...(list.current?.querySelectorAll<HTMLElement>("button:not(:disabled)") ?? [])];
    const index = all.indexOf(document.activeElement as HTMLElement);
    all[(index + step + all.length) % all.length]?.focus();
  };

  return (
    <>
      <button
        ref={button}
        type="button"
        className={className}
        aria-label={label}
        aria-haspopup="menu"
        title={label}
        popoverTarget={id}
        data-testid={testId}
      >
        {trigger}
      </button>
      <div
        ref={list}
        id={id}
        popover="auto"
        role="menu"
        aria-label={label}
        className="menu"
        tabIndex={-1}
        onToggle={(event) => {
          if (event.newState === "open") place();
        }}
        onKeyDown={move}
      >
        {items.map((item) => (
          <button
            key={item.text}
            type="button"
            role={item.checked === undefined ? "menuitem" : item.isSwitch === true ? "menuitemcheckbox" : "menuitemradio"}
            aria-checked={item.checked}
            disabled={item.disabled}
            className={item.danger === true ? "danger" : ""}
            data-testid={item.testId}
            onClick={() => {
              if (item.isSwitch !== true) list.current?.hidePopover();
              item.onSelect();
            }}
          >
            {item.icon !== undefined && <Icon name={item.icon} />}
            <span>{item.text}</span>
            {item.checked === true && <Icon name="check" />}
          </button>
        ))}
      </div>
    </>
  );
}
