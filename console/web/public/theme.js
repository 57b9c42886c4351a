// Before anything is painted: the remembered theme. A file, so that no inline script is needed.
try {
  const theme = localStorage.getItem("pj.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // no storage: the system's theme
}
