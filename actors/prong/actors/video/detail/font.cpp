#include "prong/actors/video/detail/font.hpp"

#include <cstddef>
#include <string_view>

namespace prong::video::detail {
namespace {

/// Letters drawn side by side, each glyph_width dots wide, with one column between them.
struct Band {
  std::string_view letters;
  std::array<std::string_view, glyph_height> rows;
};

// clang-format off
constexpr std::array bands{
    Band{"0123456789",
         {{
             " ###    #    ###  #####    #  #####   ##  #####  ###   ### ",
             "#   #  ##   #   #    #    ##  #      #        # #   # #   #",
             "#  ##   #       #   #    # #  ####  #        #  #   # #   #",
             "# # #   #      #     #  #  #      # ####    #    ###   ####",
             "##  #   #     #       # #####     # #   #   #   #   #     #",
             "#   #   #    #    #   #    #  #   # #   #   #   #   #    # ",
             " ###   ###  #####  ###     #   ###   ###    #    ###   ##  ",
         }}},
    Band{"ABCDEFGHIJKLM",
         {{
             " ###  ####   ###  ####  ##### #####  ###  #   #  ###    ### #   # #     #   #",
             "#   # #   # #   # #   # #     #     #   # #   #   #      #  #  #  #     ## ##",
             "#   # #   # #     #   # #     #     #     #   #   #      #  # #   #     # # #",
             "##### ####  #     #   # ####  ####  #  ## #####   #      #  ##    #     # # #",
             "#   # #   # #     #   # #     #     #   # #   #   #      #  # #   #     #   #",
             "#   # #   # #   # #   # #     #     #   # #   #   #   #  #  #  #  #     #   #",
             "#   # ####   ###  ####  ##### #      ###  #   #  ###   ##   #   # ##### #   #",
         }}},
    Band{"NOPQRSTUVWXYZ",
         {{
             "#   #  ###  ####   ###  ####   #### ##### #   # #   # #   # #   # #   # #####",
             "##  # #   # #   # #   # #   # #       #   #   # #   # #   # #   # #   #     #",
             "# # # #   # #   # #   # #   # #       #   #   # #   # #   #  # #   # #     # ",
             "#  ## #   # ####  #   # ####   ###    #   #   # #   # # # #   #     #     #  ",
             "#   # #   # #     # # # # #       #   #   #   # #   # # # #  # #    #    #   ",
             "#   # #   # #     #  #  #  #      #   #   #   #  # #  ## ## #   #   #   #    ",
             "#   #  ###  #      ## # #   # ####    #    ###    #   #   # #   #   #   #####",
         }}},
    Band{" .,:-+/%#()=_!?",
         {{
             "                                        # ##     # #     #   #                  #    ### ",
             "                   ##           #       # ##  #  # #    #     #                 #   #   #",
             "                   ##           #      #     #  #####  #       #  #####         #       #",
             "                        ##### #####   #     #    # #   #       #                #      # ",
             "             ##    ##           #    #     #    #####  #       #  #####         #     #  ",
             "       ##     #    ##           #   #     #  ##  # #    #     #                          ",
             "       ##    #                      #        ##  # #     #   #          #####   #     #  ",
         }}},
};
// clang-format on

constexpr std::size_t table_size = 128;
constexpr Glyph unknown{0b11111, 0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b11111};

consteval std::array<Glyph, table_size> make_table() {
  std::array<Glyph, table_size> table{};
  table.fill(unknown);
  for (const Band& band : bands) {
    for (std::size_t letter = 0; letter < band.letters.size(); ++letter) {
      Glyph glyph{};
      for (std::size_t row = 0; row < glyph.size(); ++row)
        for (std::size_t column = 0; column < glyph_width; ++column)
          if (band.rows[row].at(letter * (glyph_width + 1) + column) == '#')
            glyph[row] = static_cast<std::uint8_t>(glyph[row] | (1U << (glyph_width - 1 - column)));
      table.at(static_cast<std::size_t>(band.letters[letter])) = glyph;
    }
  }
  for (std::size_t letter = 'A'; letter <= 'Z'; ++letter) table[letter - 'A' + 'a'] = table[letter];
  return table;
}

constexpr std::array<Glyph, table_size> table = make_table();

}  // namespace

const Glyph& glyph_of(char letter) noexcept {
  const auto index = static_cast<unsigned char>(letter);
  return index < table_size ? table[index] : unknown;
}

}  // namespace prong::video::detail
