"""Loops over segments and cells, compiled by numba: their callers are in `siting.grid`."""

import numpy as np
from numba import njit

from siting.compiled import CALLED, INNER

# Ranks of edges: see `siting.grid`.
UNUSABLE, ISLAND, MAINLAND = 0, 1, 2


@njit(**CALLED)
def fill_cells(x, y, segment_edge, origin, cell_m, shape, cursor, segment):
    """Count segments by cell (when `segment` is empty, in `cursor[1:]`), or write them down."""
    n_columns, n_rows = shape
    is_count = segment.size == 0
    half_m = cell_m * 0.7072  # half of the diagonal
    for p in range(segment_edge.size):
        if segment_edge[p] < 0:
            continue
        ax, ay = x[p] - origin[0], y[p] - origin[1]
        bx, by = x[p + 1] - origin[0], y[p + 1] - origin[1]
        first_column = int(min(ax, bx) / cell_m)
        last_column = min(int(max(ax, bx) / cell_m), n_columns - 1)
        first_row = int(min(ay, by) / cell_m)
        last_row = min(int(max(ay, by) / cell_m), n_rows - 1)
        length_m = np.hypot(bx - ax, by - ay)
        for row in range(first_row, last_row + 1):
            for column in range(first_column, last_column + 1):
                if first_row < last_row and first_column < last_column:
                    gap_x = (column + 0.5) * cell_m - ax
                    gap_y = (row + 0.5) * cell_m - ay
                    if abs((bx - ax) * gap_y - (by - ay) * gap_x) > half_m * length_m:
                        continue  # the line of the segment passes beside the cell
                cell = row * n_columns + column
                if is_count:
                    cursor[cell + 1] += 1
                else:
                    segment[cursor[cell]] = p
                    cursor[cell] += 1


@njit(**INNER)
def project(px, py, ax, ay, bx, by):
    """Return the square of the distance to a segment, and the share of it before the foot."""
    dx, dy = bx - ax, by - ay
    size = dx * dx + dy * dy
    share = ((px - ax) * dx + (py - ay) * dy) / size if size > 0.0 else 0.0
    if share <= 0.0:
        return (px - ax) ** 2 + (py - ay) ** 2, 0.0
    if share >= 1.0:
        return (px - bx) ** 2 + (py - by) ** 2, 1.0
    return (px - ax - share * dx) ** 2 + (py - ay - share * dy) ** 2, share


@njit(**CALLED)
def snap(streets, cells, origin, cell_m, shape, px, py, limit_m, detour_m, out_segment, out_share):
    """Look at rings of cells around each point until nothing nearer can come."""
    x, y, segment_edge, rank = streets
    start, segment = cells
    n_columns, n_rows = shape
    furthest_m = 5.0 * limit_m
    for i in range(px.size):
        if not (np.isfinite(px[i]) and np.isfinite(py[i])):
            continue
        qx, qy = px[i] - origin[0], py[i] - origin[1]
        beside_m = max(-qx, -qy, qx - n_columns * cell_m, qy - n_rows * cell_m)
        if beside_m > furthest_m:
            continue
        at_column, at_row = int(np.floor(qx / cell_m)), int(np.floor(qy / cell_m))
        any_d2, any_share, any_segment = np.inf, 0.0, -1
        main_d2, main_share, main_segment = np.inf, 0.0, -1
        ring = 0
        while True:
            if ring > 0:
                seen_m = (ring - 1) * cell_m + min(
                    qx - at_column * cell_m,
                    (at_column + 1) * cell_m - qx,
                    qy - at_row * cell_m,
                    (at_row + 1) * cell_m - qy,
                )
                enough_m = min(np.sqrt(main_d2), np.sqrt(any_d2) + detour_m)
                if seen_m >= enough_m or seen_m >= furthest_m:
                    break
            for row in range(max(at_row - ring, 0), min(at_row + ring, n_rows - 1) + 1):
                is_side = row == at_row - ring or row == at_row + ring
                step = 1 if is_side or ring == 0 else 2 * ring
                for column in range(at_column - ring, at_column + ring + 1, step):
                    if column < 0 or column >= n_columns:
                        continue
                    cell = row * n_columns + column
                    for k in range(start[cell], start[cell + 1]):
                        p = segment[k]
                        edge = segment_edge[p]
                        if rank[edge] == UNUSABLE:
                            continue
                        d2, share = project(px[i], py[i], x[p], y[p], x[p + 1], y[p + 1])
                        if d2 < any_d2 or (d2 == any_d2 and edge < segment_edge[any_segment]):
                            any_d2, any_share, any_segment = d2, share, p
                        if rank[edge] == MAINLAND and (
                            d2 < main_d2 or (d2 == main_d2 and edge < segment_edge[main_segment])
                        ):
                            main_d2, main_share, main_segment = d2, share, p
            ring += 1
        any_m, main_m = np.sqrt(any_d2), np.sqrt(main_d2)
        if main_m <= any_m + detour_m and (main_m <= limit_m or any_m > limit_m):
            any_m, any_share, any_segment = main_m, main_share, main_segment
        if any_m <= furthest_m:
            out_segment[i] = any_segment
            out_share[i] = any_share


@njit(**CALLED)
def pairs_in_boxes(segment_edge, start, segment, origin, cell_m, shape, boxes, box, edge):
    """Write the box and the edge of each run of segments in the cells that boxes touch."""
    n_columns, n_rows = shape
    n_pairs = 0
    for i in range(boxes.shape[0]):
        west = max(int(np.floor((boxes[i, 0] - origin[0]) / cell_m)), 0)
        south = max(int(np.floor((boxes[i, 1] - origin[1]) / cell_m)), 0)
        east = min(int(np.floor((boxes[i, 2] - origin[0]) / cell_m)), n_columns - 1)
        north = min(int(np.floor((boxes[i, 3] - origin[1]) / cell_m)), n_rows - 1)
        for row in range(south, north + 1):
            for column in range(west, east + 1):
                cell = row * n_columns + column
                last = -1
                for k in range(start[cell], start[cell + 1]):
                    found = segment_edge[segment[k]]
                    if found != last:
                        if n_pairs < box.size:
                            box[n_pairs] = i
                            edge[n_pairs] = found
                        last = found
                        n_pairs += 1
    return n_pairs
