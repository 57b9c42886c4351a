import type { ActorState } from "../api/types";

/** A place in the tree: an actor, or only a part of paths, or both. */
export interface ActorNode {
  /** Last part of the path. */
  name: string;
  path: string;
  actor: ActorState | undefined;
  children: ActorNode[];
  /** Of all actors at and below this place. */
  count: number;
  depth: number;
}

/** The actors of one node as a tree by the parts of their paths. */
export function actorTree(actors: readonly ActorState[]): ActorNode[] {
  const roots: ActorNode[] = [];
  const known = new Map<string, ActorNode>();
  const place = (path: string): ActorNode => {
    const found = known.get(path);
    if (found !== undefined) return found;
    const cut = path.lastIndexOf("/");
    const node: ActorNode = {
      name: path.slice(cut + 1),
      path,
      actor: undefined,
      children: [],
      count: 0,
      depth: 0,
    };
    known.set(path, node);
    (cut < 0 ? roots : place(path.slice(0, cut)).children).push(node);
    return node;
  };
  for (const actor of actors) place(actor.path).actor = actor;
  roots.forEach(sum);
  return roots;
}

function sum(node: ActorNode): void {
  node.children.forEach(sum);
  const below = (pick: (child: ActorNode) => number): number =>
    node.children.reduce((total, child) => total + pick(child), 0);
  node.count = (node.actor === undefined ? 0 : 1) + below((child) => child.count);
  node.depth = (node.actor?.depth ?? 0) + below((child) => child.depth);
}
