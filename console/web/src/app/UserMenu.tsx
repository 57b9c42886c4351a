import type { ReactNode } from "react";
import { useMe, useSession } from "../data/session";
import { useI18n } from "../i18n";
import { Icon } from "../ui/Icon";
import { Menu } from "../ui/Menu";
import { useSay } from "../ui/Toasts";
import { type Theme, setTheme, useTheme } from "./theme";

const THEMES: readonly Theme[] = ["auto", "light", "dark"];
const THEME_ICONS = { auto: "auto", light: "sun", dark: "moon" } as const;

/** Language and theme; also on the login page. */
export function LookMenus(): ReactNode {
  const { t, lang, setLang } = useI18n();
  const theme = useTheme();
  return (
    <>
      <Menu
        label={t("look.language")}
        testId="language"
        className="icon-button text"
        trigger={
          <>
            <Icon name="globe" />
            {lang === "zh" ? "中" : "EN"}
          </>
        }
        items={[
          { text: "中文", checked: lang === "zh", onSelect: () => setLang("zh"), testId: "lang-zh" },
          { text: "English", checked: lang === "en", onSelect: () => setLang("en"), testId: "lang-en" },
        ]}
      />
      <Menu
        label={t("look.theme")}
        testId="theme"
        trigger={<Icon name={THEME_ICONS[theme]} />}
        items={THEMES.map((choice) => ({
          text: t(`look.theme.${choice}`),
          icon: THEME_ICONS[choice],
          checked: theme === choice,
          onSelect: () => setTheme(choice),
          testId: `theme-${choice}`,
        }))}
      />
    </>
  );
}

export function UserMenu(): ReactNode {
  const { t } = useI18n();
  const me = useMe();
  const { signOut } = useSession();
  const say = useSay();
  const role = me.isAdministrator ? t("user.administrator") : t("user.member");
  return (
    <>
      <LookMenus />
      <Menu
        label={t("user.menu")}
        testId="user-menu"
        className="user-button"
        trigger={
          <>
            <Icon name="user" />
            <span data-testid="user-name">{me.nick || me.account}</span>
            <span className="role">{role}</span>
          </>
        }
        items={[
          {
            text: t("user.signOut", { account: me.account }),
            icon: "out",
            testId: "sign-out",
            onSelect: () => void signOut().catch(say.failed),
          },
        ]}
      />
    </>
  );
}
