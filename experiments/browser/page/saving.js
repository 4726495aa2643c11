// Files that the user gets.

/** The file's name without its ending, as part of another name. */
export const stemOf = (name) => name.replace(/\.[^.]{1,5}$/, "").replace(/[\\/:*?"<>|\u0000-\u001f]+/g, "_") || "recording";

export function save(name, content, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
