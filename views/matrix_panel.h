// Draws a Matrix (worker_model.h): heat cells with their numbers, names of rows on the left and of columns above; hover says a cell as a sentence.
//
// Publishes "NAME.R.C" for each cell that counts something. The frame's thread, inside an ImGui window.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "views/worker_model.h"
#include "views/workspace.h"

namespace coroscope::views {

struct MatrixCell {
    std::size_t row = 0, column = 0;
};
struct MatrixWords {
    const char* rows;     // what rows are: "stole"
    const char* columns;  // what columns are: "from"
    std::function<std::string(MatrixCell)> sentence;
    std::string lit_site = {};  // spawn site of whom the mouse is over, in whatever view: its row and column are marked; "" = nobody's
};
// How many columns have room in `width` device pixels.
std::size_t matrix_columns_fit(const Workspace& ws, float width, float cell_units, float label_units);
// The cell that was clicked, if one was.
std::optional<MatrixCell> draw_matrix(Workspace& ws, const std::string& name, const Matrix& matrix, const MatrixWords& words, float cell_units,
                                      float label_units);

}  // namespace coroscope::views
